"""The error of every translation of extra specs and image properties."""


class CannotHonour(ValueError):
    """Something is asked for that cannot be had; the message names it, and says why."""
