"""Settings from defaults, then the file, then the environment, then flags: the later wins, key by key.

Nothing is guessed: an unknown key is an error with the nearest known one, a wrong value is an error with its source.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from kilonova_kit.settings.errors import SettingsError
from kilonova_kit.settings.secret import Secret
from kilonova_kit.settings.trees import Leaf, leaves, section_of, type_name

T = TypeVar("T", bound=msgspec.Struct)

_PREFIX = "KILONOVA_"


class _Given(NamedTuple):
    value: Any
    source: str
    is_text: bool  # from a place that knows only text: "5" may be a number


def load_settings(
    kind: type[T],
    *,
    file: Path | None = None,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    ignore: Collection[str] = (),
) -> T:
    """The settings tree ``kind``, filled. SettingsError names the key, its source and the fix.

    ``flags``: dotted key -> value, ``None`` for a flag that was not given. ``ignore``: environment variables that begin
    with ``KILONOVA_`` and mean something else.
    """
    known = {leaf.key: leaf for leaf in leaves(kind)}
    given: dict[str, _Given] = {}
    if file is not None:
        given |= _from_file(file, known)
    given |= _from_environment(environ, known, ignore)
    given |= _from_flags(flags, known)
    values = {key: _value(leaf, given.get(key), file) for key, leaf in known.items()}
    return _build(kind, values, "")


def _from_file(file: Path, known: Mapping[str, Leaf]) -> dict[str, _Given]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise SettingsError(f"the settings file {file} cannot be read: {problem.strerror}") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"the settings file {file} is not TOML: {problem}") from problem
    found: dict[str, _Given] = {}
    sections = {".".join(leaf.path[:depth]) for leaf in known.values() for depth in range(1, len(leaf.path))}
    _walk(document, "", str(file), known, sections, found)
    secrets = sorted(key for key in found if known[key].is_secret)
    if secrets and file.stat().st_mode & 0o007:
        raise SettingsError(f"{file} holds {secrets[0]}, a secret, and everybody may read it: chmod o= {file}")
    return found


def _walk(
    table: Mapping[str, Any], above: str, source: str, known: Mapping[str, Leaf], sections: Collection[str],
    found: dict[str, _Given],
) -> None:  # fmt: skip
    for name, value in table.items():
        key = f"{above}.{name}" if above else name
        if key in known:
            found[key] = _Given(value, source, is_text=False)
        elif key in sections and isinstance(value, dict):
            _walk(value, key, source, known, sections, found)
        elif key in sections:
            raise SettingsError(f"{key} in {source} is a section: write [{key}] and its keys below it")
        else:
            raise SettingsError(f"unknown setting {key} in {source}{_nearest(key, [*known, *sections])}")


def _from_environment(
    environ: Mapping[str, str], known: Mapping[str, Leaf], ignore: Collection[str]
) -> dict[str, _Given]:
    names: dict[str, str] = {}
    for key, leaf in known.items():
        if (other := names.setdefault(leaf.environment, key)) != key:
            raise SettingsError(f"the settings {other} and {key} share the variable {leaf.environment}: rename one")
    found: dict[str, _Given] = {}
    for name, value in environ.items():
        if not name.startswith(_PREFIX) or name in ignore:
            continue
        if name not in names:
            raise SettingsError(f"unknown setting {name} in the environment{_nearest(name, names)}")
        found[names[name]] = _Given(value, f"the environment variable {name}", is_text=True)
    return found


def _from_flags(flags: Mapping[str, object], known: Mapping[str, Leaf]) -> dict[str, _Given]:
    found: dict[str, _Given] = {}
    for key, value in flags.items():
        if key not in known:
            raise SettingsError(f"unknown setting {key} among the flags{_nearest(key, known)}")
        if value is not None:
            found[key] = _Given(value, f"the flag {known[key].flag}", is_text=isinstance(value, str))
    return found


def _value(leaf: Leaf, given: _Given | None, file: Path | None) -> Any:
    if given is None:
        if leaf.default is msgspec.NODEFAULT:
            raise SettingsError(f"{leaf.key} is not set: {_how_to_set(leaf, file)}")
        return leaf.default
    value = given.value
    if given.is_text and leaf.is_list:
        value = [part.strip() for part in str(value).split(",") if part.strip()]
    try:
        return msgspec.convert(value, leaf.kind, strict=not given.is_text, dec_hook=_decode)
    except msgspec.ValidationError as problem:
        shown = "" if leaf.is_secret else f", not {given.value!r}"
        raise SettingsError(
            f"{leaf.key} from {given.source} is wrong: {_plain(problem)} (it takes {type_name(leaf.kind)}{shown})"
        ) from None


def _decode(kind: type, value: Any) -> Any:
    if kind in (Path, Secret):
        if not isinstance(value, str):
            raise ValueError("Expected text")
        return kind(value)
    raise TypeError(f"no settings of type {kind}")


def _build(kind: type[T], values: Mapping[str, Any], above: str) -> T:
    arguments: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        key = f"{above}{field.name}"
        section = section_of(field.type)
        arguments[field.name] = _build(section, values, key + ".") if section else values[key]
    try:
        return kind(**arguments)
    except (ValueError, TypeError) as problem:  # what a section's own __post_init__ finds
        place = f"the section [{above.rstrip('.')}]" if above else "the settings"
        raise SettingsError(f"{place} cannot be: {problem}") from problem


def _how_to_set(leaf: Leaf, file: Path | None) -> str:
    section = f" below [{'.'.join(leaf.path[:-1])}]" if len(leaf.path) > 1 else ""
    place = file or "the settings file"
    return f"write {leaf.path[-1]} = …{section} in {place}, set {leaf.environment}, or use {leaf.flag}"


def _nearest(name: str, known: Collection[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else "; known are: " + ", ".join(sorted(known))


def _plain(problem: Exception) -> str:
    return str(problem).split(" - at `$")[0]
