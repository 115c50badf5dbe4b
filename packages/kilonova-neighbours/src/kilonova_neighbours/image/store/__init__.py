"""The image service's tables and files."""
