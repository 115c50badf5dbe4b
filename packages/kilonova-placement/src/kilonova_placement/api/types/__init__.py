"""Bodies of the native API and of the Placement API."""
