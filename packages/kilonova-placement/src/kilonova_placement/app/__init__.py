"""The rules of placement: what may be asked, decided and committed."""
