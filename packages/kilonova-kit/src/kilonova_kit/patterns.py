"""Regular expressions that strangers wrote, matched in time linear to the text (RE2).

Python's ``re`` goes back and forth: one request with ``(a+)+$`` would hold the interpreter, and with it every service
of the process, for years. Nothing that comes over the wire may reach it. RE2 knows neither back references nor
look-around; a pattern that asks for them, or that is too large, is refused as a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

LONGEST = 512

_compile: Callable[..., Any] = re2.compile  # the library is not typed
_escape: Callable[[str], str] = re2.escape


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return _compile(pattern, options=options)


def check_pattern(pattern: str) -> None:
    """Raise ValueError, with the reason, for what is no regular expression."""
    if len(pattern) > LONGEST:
        raise ValueError(f"a regular expression may have {LONGEST} characters")
    try:
        _compiled(pattern)
    except re2.error as error:
        (reason,) = error.args
        raise ValueError(reason.decode(errors="replace")) from None


def occurs(pattern: str, text: str) -> bool:
    """Whether the pattern matches somewhere in the text; a wrong one matches nowhere."""
    try:
        return bool(_compiled(pattern).search(text))
    except (re2.error, UnicodeEncodeError):
        return False


def fits(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text; a wrong one matches nothing."""
    try:
        return bool(_compiled(pattern).fullmatch(text))
    except (re2.error, UnicodeEncodeError):
        return False


def escaped(text: str) -> str:
    """A pattern that matches just this text."""
    return _escape(text)
