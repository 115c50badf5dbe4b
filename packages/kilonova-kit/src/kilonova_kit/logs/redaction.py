"""Secrets taken out of text before it is written.

The last net, not the first: code must not log secrets. It works on the finished text (message and traceback), so that
it also catches what libraries, ``repr`` and error messages bring along.
"""

from __future__ import annotations

import re

HIDDEN = "***"

#: Text without any of these (lower case) is passed on unread: nearly every line.
_HINTS = (
    "pass", "token", "secret", "seed", "jwt", "bearer", "authorization", "gaaaa", "eyj", "private", "://",
    "api_key", "api-key", "user_data", "credential",
)  # fmt: skip

_KEYS = (
    r"admin_?pass(?:word)?|pass(?:word|wd|phrase)|x-(?:auth|subject|service)-token|token|secret|seed|jwt"
    r"|(?:private|api|access|secret)[_-]?key|credentials?|user_data"
)
# A key, perhaps quoted (also inside escaped JSON), perhaps longer (os_password, token_id), "=" or ":", and its value.
_PAIR = re.compile(
    rf"(?P<key>(?:{_KEYS})(?:_?(?:id|key|hash))?\\?[\"']?\s*[=:]\s*)"
    r"(?P<value>\\\"(?:[^\"\\]|\\[^\"])*\\\"|b?\"(?:[^\"\\]|\\.)*\"|b?'(?:[^'\\]|\\.)*'|[^\s,;&)\]}\"'<>]+)",
    re.IGNORECASE,
)
_SEED = re.compile(r"\bS[UAO][A-Z2-7]{56}\b")
_WHOLE = (
    (re.compile(r"(authorization\\?[\"']?\s*[=:]\s*\\?[\"']?)[^\r\n,\"'\\]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(bearer)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\bgAAAA[A-Za-z0-9_=-]{8,}"), HIDDEN),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"), HIDDEN),
    (_SEED, HIDDEN),
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
)


def redact(text: str) -> str:
    """``text`` with the values of secret keys, tokens, JWTs, seeds and private keys replaced by ``***``."""
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS) and not _SEED.search(text):
        return text
    for pattern, replacement in _WHOLE:
        text = pattern.sub(replacement, text)
    return _PAIR.sub(_hide_value, text)


def _hide_value(match: re.Match[str]) -> str:
    value = match["value"]
    for quote in ('\\"', '"', "'"):
        if value.endswith(quote):
            return f"{match['key']}{quote}{HIDDEN}{quote}"
    return match["key"] + HIDDEN
