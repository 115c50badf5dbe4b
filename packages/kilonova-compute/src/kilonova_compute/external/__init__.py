"""Clients of the placement, image, network and identity services, each through its public API."""
