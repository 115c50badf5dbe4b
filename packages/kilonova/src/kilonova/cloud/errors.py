"""What goes wrong with a cloud on this machine, in words for the person at the terminal."""

from __future__ import annotations


class CloudError(Exception):
    """The message says what is wrong and what to do; it is printed without a traceback."""
