"""The HTTP edge of placement."""
