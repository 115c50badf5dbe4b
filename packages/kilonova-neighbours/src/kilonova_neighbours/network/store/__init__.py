"""All SQL of the network service."""
