"""A driver whose guests exist only on paper, and fail when told to."""
