"""What is wrong with a body or a query, in the words of the real APIs: the field, its value, and the rule it breaks.

msgspec says where, and which rule; the words are those of the jsonschema library, which the real services answer with.
A value is repeated to who sent it, but for one whose name says that it is a secret, and for whole objects and lists.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_AT = re.compile(r" - at `(?:\$|key in \$)\.?([^`]*)`$")
_STEP = re.compile(r"\[\.\.\.\]|[^.\[\]]+")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_SECRET = re.compile("pass|secret|token|blob|private", re.IGNORECASE)
_GOT = re.compile(r"Expected `([^`]*)`, got `[^`]*`")
_RULES = (
    (re.compile(r"Expected `\w+` of length <= \d+"), "{value!r} is too long"),
    (re.compile(r"Expected `\w+` of length >= \d+"), "{value!r} is too short"),
    (re.compile(r"Expected `\w+` >= (\S+)"), "{value!r} is less than the minimum of {rule}"),
    (re.compile(r"Expected `\w+` <= (\S+)"), "{value!r} is greater than the maximum of {rule}"),
    (re.compile(r"Expected `\w+` matching regex '(.*)'", re.DOTALL), "{value!r} does not match '{rule}'"),
)
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
#: So much of a value is repeated, in characters.
_SHOWN = 1000


def explain(message: str, sent: Any = msgspec.UNSET) -> str:
    """msgspec's message in the words of the real APIs. ``sent``: the plain data that it is about, where it is known."""
    found = _AT.search(message)
    steps = _STEP.findall(found[1]) if found else []
    plain, field = _AT.sub("", message), steps[-1] if steps else "body"
    if unknown := _UNKNOWN.search(plain):
        what = f"Additional properties are not allowed ('{unknown[1]}' was unexpected)"
        return f"Invalid input for field/attribute {field}. {what}"
    if missing := _MISSING.search(plain):
        return f"Invalid input for field/attribute {field}. '{missing[1]}' is a required property"
    value = _value_at(sent, steps)
    if isinstance(value, msgspec.UnsetType | dict | list) or _SECRET.search(field):
        return f"Invalid input for field/attribute {field}. {plain}"
    return f"Invalid input for field/attribute {field}. Value: {str(value)[:_SHOWN]}. {_broken(plain, value)}"


def _value_at(sent: Any, steps: list[str]) -> Any:
    """UNSET where msgspec does not say which member of an object it is."""
    for step in steps:
        if isinstance(sent, dict) and step in sent:
            sent = sent[step]
        elif isinstance(sent, list) and step.isdecimal() and int(step) < len(sent):
            sent = sent[int(step)]
        else:
            return msgspec.UNSET
    return sent


def _broken(plain: str, value: Any) -> str:
    shown = value[:_SHOWN] if isinstance(value, str) else value
    if got := _GOT.search(plain):
        return f"{shown!r} is not of type {', '.join(repr(_TYPES.get(one, one)) for one in got[1].split(' | '))}"
    for pattern, words in _RULES:
        if rule := pattern.search(plain):
            return words.format(value=shown, rule=rule[1] if rule.re.groups else "")
    return plain
