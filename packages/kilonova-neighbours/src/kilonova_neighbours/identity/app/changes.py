"""Applying an update: named attributes replace what was there, unknown ones join the extra ones, options are merged."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

Values = dict[str, Any]


def changed(thing: T, values: Values, extra: Values | None = None) -> T:
    """A copy with these attributes. An option that is set to None goes."""
    new = dict(values)
    if extra:
        new["extra"] = {**getattr(thing, "extra"), **extra}  # noqa: B009 - not every thing has extra attributes
    if "options" in new:
        merged = {**getattr(thing, "options"), **(new["options"] or {})}  # noqa: B009
        new["options"] = {name: value for name, value in merged.items() if value is not None}
    return msgspec.structs.replace(thing, **new)


def kept_options(options: Values | None) -> Values:
    return {name: value for name, value in (options or {}).items() if value is not None}
