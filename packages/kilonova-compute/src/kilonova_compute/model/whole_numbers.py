"""Whole numbers that people write: plain digits only, since other scripts have digits that Python does not read."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[0-9]{1,15}")


def whole_number(text: str) -> int | None:
    """The number, from 0 on; None for any other text, and for more than fifteen digits."""
    return int(text) if _DIGITS.fullmatch(text) else None
