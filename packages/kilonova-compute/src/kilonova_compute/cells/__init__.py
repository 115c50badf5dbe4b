"""Which cell holds what, and the way to it."""
