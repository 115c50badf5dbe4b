"""Orders to misbehave: what they are and how they are written in a guest's name or properties.

A guest's own orders (``METHOD`` is a name of the driver contract, or ``*`` for every one)::

    fake:fail        METHOD:CODE[:TIMES]   refuse with that error code; every time, or the first TIMES times
    fake:block       METHOD                wait until the fault ``GUEST_ID/block`` is released
    fake:delay       METHOD:SECONDS        take that long
    fake:die         before:METHOD         end the whole process (as by signal 9) before or after the call, once
    fake:crash_after SECONDS               the guest crashes by itself so long after each start

They are properties of the spec, or words in the guest's name: ``web fake:fail=ensure_guest:no_resources``.
"""

from __future__ import annotations

import enum
import re

import msgspec
from kilonova_driver.errors import FAMILY, InvalidSpec
from kilonova_driver.types.guests import GuestSpec

PREFIX = "fake:"
_WORD = re.compile(r"fake:(\w+)=(\S+)")
_METHOD = r"(?P<method>\*|[a-z_]+)"
_GRAMMAR = {
    "fail": re.compile(rf"{_METHOD}:(?P<code>[a-z_]+)(:(?P<times>\d+))?"),
    "block": re.compile(_METHOD),
    "delay": re.compile(rf"{_METHOD}:(?P<seconds>\d+(\.\d+)?)"),
    "die": re.compile(rf"(?P<when>before|after):{_METHOD}"),
    "crash_after": re.compile(r"(?P<seconds>\d+(\.\d+)?)"),
}


class Kind(enum.StrEnum):
    """What shall go wrong."""

    FAIL = "fail"
    BLOCK = "block"
    DELAY = "delay"
    DIE = "die"
    CRASH_AFTER = "crash_after"
    CRASH = "crash"  # now; the guest, without any call
    POWER_OFF = "power_off"  # now; the guest, from inside
    RELEASE = "release"  # ends the fault whose id is in ``target``


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order to misbehave. ``times`` 0 means until it is released; ``guest_id`` empty means any guest."""

    fault_id: str
    kind: Kind
    method: str = ""
    guest_id: str = ""
    code: str = "transient"
    times: int = 0
    seconds: float = 0.0
    when: str = "before"
    target: str = ""
    message: str = ""


def matches(fault: Fault, method: str, guest_id: str) -> bool:
    return fault.method in ("*", method) and fault.guest_id in ("", guest_id)


def faults_of(spec: GuestSpec) -> tuple[Fault, ...]:
    """Read the orders in a spec. Raises InvalidSpec for one that is not understood."""
    words = dict(_WORD.findall(spec.name)) if PREFIX in spec.name else {}
    for key, value in spec.properties.items():
        if key.startswith(PREFIX):
            words[key.removeprefix(PREFIX)] = value
    return tuple(_parse(spec.guest_id, kind, text) for kind, text in words.items())


def crash_after(spec: GuestSpec) -> float | None:
    """So many seconds after a start this guest crashes; None: it does not."""
    return next((fault.seconds for fault in faults_of(spec) if fault.kind is Kind.CRASH_AFTER), None)


def _parse(guest_id: str, kind: str, text: str) -> Fault:
    found = _GRAMMAR[kind].fullmatch(text) if kind in _GRAMMAR else None
    parts = found.groupdict() if found else {}
    if not found or parts.get("code", "internal") not in FAMILY:
        raise InvalidSpec(f"not an order that the fake driver knows: {PREFIX}{kind} {text!r}")
    return Fault(
        fault_id=f"{guest_id}/{kind}",
        kind=Kind(kind),
        guest_id=guest_id,
        method=parts.get("method", ""),
        code=parts.get("code", "transient"),
        seconds=float(parts.get("seconds", 0)),
        times=1 if kind == Kind.DIE else int(parts.get("times") or 0),
        when=parts.get("when", "before"),
    )
