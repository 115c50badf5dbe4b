"""``aggregate_instance_extra_specs:<key>`` of a flavor as a label that hosts must have (nova, extra_specs_ops.py).

value                    the same text            =   >=  <=  ==  !=       numbers, "=" being at least
s== s!= s< s<= s> s>=    texts                    <in> a <in> b            each is within
<or> a <or> b            one of them              <all-in> a b             each is within
"""

from __future__ import annotations

from kilonova_compute.model.requests import RequestedLabel

_NUMBERS = {"=": "at_least", ">=": "at_least", "<=": "at_most", "==": "is", "!=": "is_not"}
_TEXTS = {"s==": "is", "s!=": "is_not", "s<": "below", "s<=": "at_most", "s>": "above", "s>=": "at_least"}


def label_of(key: str, text: str) -> RequestedLabel:
    """Raises ValueError for an operator without what it needs."""
    operator, *words = text.split() or [""]
    if operator in ("<or>", "<in>"):
        values = tuple(part.strip() for part in text.strip().removeprefix(operator).split(operator))
        return RequestedLabel(key=key, values=_some(values), test="is" if operator == "<or>" else "contains")
    if operator == "<all-in>":
        return RequestedLabel(key=key, values=_some(words), test="contains")
    if operator in _TEXTS:
        return RequestedLabel(key=key, values=_one(words), test=_TEXTS[operator])
    if operator in _NUMBERS:
        (value,) = _one(words)
        float(value)
        return RequestedLabel(key=key, values=(value,), test=_NUMBERS[operator], as_numbers=True)
    return RequestedLabel(key=key, values=_some((text.strip(),)))


def _some(values: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    if not all(values) or not values:
        raise ValueError("it names no value")
    return tuple(values)


def _one(words: list[str]) -> tuple[str, ...]:
    if len(words) != 1:
        raise ValueError("it is an operator and one value")
    return (words[0],)
