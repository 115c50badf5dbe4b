"""Sockets, cores and threads: what the flavor and the image prefer, within what they allow (nova, virt/hardware.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kilonova_compute.model.cannot_honour import CannotHonour
from kilonova_compute.model.layouts import RequestedTopology
from kilonova_compute.model.whole_numbers import whole_number

_MOST = 65536
_PARTS = ("sockets", "cores", "threads")


class _Counts(NamedTuple):
    """0 where nothing is said."""

    sockets: int
    cores: int
    threads: int

    def __str__(self) -> str:
        return ", ".join(f"{name}={number}" for name, number in zip(_PARTS, self, strict=True))

    def exceeds(self, most: _Counts) -> bool:
        return any(0 < limit < number for number, limit in zip(self, most, strict=True))

    def or_else(self, other: _Counts) -> _Counts:
        return _Counts(*(mine or theirs for mine, theirs in zip(self, other, strict=True)))


def topology_of(vcpus: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> RequestedTopology | None:
    """The best topology; None where nothing is said about it. Raises CannotHonour."""
    limits = _counts(specs, "hw:cpu_max_"), _counts(properties, "hw_cpu_max_")
    wishes = _counts(specs, "hw:cpu_"), _counts(properties, "hw_cpu_")
    if not any(any(counts) for counts in (*limits, *wishes)):
        return None
    most = _limits(*limits)
    return _best(vcpus, _preferred(*wishes, most), most)


def _counts(said: Mapping[str, str], prefix: str) -> _Counts:
    return _Counts(*(_number(said, prefix + part) for part in _PARTS))


def _number(said: Mapping[str, str], name: str) -> int:
    value = said.get(name, "").strip()
    if value and not whole_number(value):
        raise CannotHonour(f"{name}={value} cannot be honoured: it must be a whole number above 0.")
    return int(value or 0)


def _limits(flavor: _Counts, image: _Counts) -> _Counts:
    """An image may narrow what the flavor allows (ImageVCPULimitsRangeExceeded)."""
    if image.exceeds(flavor):
        raise CannotHonour(f"Image vCPU topology limits ({image}) exceeds the limits of the flavor ({flavor})")
    return image.or_else(flavor).or_else(_Counts(_MOST, _MOST, _MOST))


def _preferred(flavor: _Counts, image: _Counts, most: _Counts) -> _Counts:
    """The image's wish before the flavor's, which gives way to an image's limits (ImageVCPUTopologyRangeExceeded)."""
    if image.exceeds(most):
        raise CannotHonour(f"Image vCPU topology ({image}) exceeds the limits of the flavor or image ({most})")
    if any(image):
        return image
    return _Counts(0, 0, 0) if flavor.exceeds(most) else flavor


def _best(vcpus: int, preferred: _Counts, most: _Counts) -> RequestedTopology:
    """Of all that are possible the one that agrees most with the wish; then many sockets, and few threads."""
    divisors = [one for one in range(1, vcpus + 1) if vcpus % one == 0]
    possible = [
        _Counts(sockets, cores, vcpus // sockets // cores)
        for sockets in divisors
        for cores in divisors
        if vcpus // sockets % cores == 0
    ]
    allowed = [counts for counts in possible if not counts.exceeds(most)]
    if not allowed:
        said = ":".join(str(min(vcpus, limit)) for limit in most)
        raise CannotHonour(f"Requested vCPU limits {said} are impossible to satisfy for vcpus count {vcpus}")
    best = max(allowed, key=lambda counts: (_score(counts, preferred), counts.sockets * counts.cores, counts.sockets))
    return RequestedTopology(**best._asdict())


def _score(counts: _Counts, preferred: _Counts) -> int:
    return sum(want > 0 and want == number for number, want in zip(counts, preferred, strict=True))
