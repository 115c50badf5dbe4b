"""Bodies of the image API to types, and types to bodies."""
