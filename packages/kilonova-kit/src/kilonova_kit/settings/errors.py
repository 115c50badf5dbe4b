"""The one error of settings."""

from __future__ import annotations


class SettingsError(Exception):
    """A setting is unknown, missing or wrong. The text names the key, where it came from, and how to mend it."""
