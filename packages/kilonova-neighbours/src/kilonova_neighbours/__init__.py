"""Small identity, image and network services, each behind its public OpenStack API."""
