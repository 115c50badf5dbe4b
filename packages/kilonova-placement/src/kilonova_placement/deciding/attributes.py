"""What is said about hosts, in columns, one row per provider; only rows of hosts mean anything.

``guests`` counts live claims, ``arriving`` those made within the last minute (released ones too: the work was begun).
Time enters by ``pass_time`` only: between two calls everything here is still, so that what is decided may be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.arrivals import Arrivals
from kilonova_placement.deciding.bits import LabelSets, Mask, Rows, grown
from kilonova_placement.model.attributes import Attributes, decayed

_COLUMNS = (
    "address_high",
    "address_low",
    "hypervisor_version",
    "most_guests",
    "most_arriving",
    "guests",
    "arriving",
    "failures",
)
_SETS = ("labels", "only_for", "images")
NO_LIMIT = 2**31 - 1
_V4_IN_V6 = 0xFFFF << 32
_LOW = 2**64 - 1
_NO_HALVES = np.uint64(0), np.uint64(0)
#: Failures that count less than this are forgotten.
_FORGOTTEN = 0.01


class HostAttributes:
    """``most``: the general limits, by the name of the column that they bound (``guests``, ``arriving``); 0: none."""

    _excerpt_of: tuple[HostAttributes, Rows]

    def __init__(self, rows: int, most: Mapping[str, int] | None = None) -> None:
        self.most: Mapping[str, int] = most or {}
        self.address_high: NDArray[np.uint64] = np.zeros(rows, np.uint64)
        self.address_low: NDArray[np.uint64] = np.zeros(rows, np.uint64)
        self.hypervisor_version: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.most_guests: NDArray[np.int32] = np.zeros(rows, np.int32)
        self.most_arriving: NDArray[np.int32] = np.zeros(rows, np.int32)
        self.guests: NDArray[np.int32] = np.zeros(rows, np.int32)
        self.arriving: NDArray[np.int32] = np.zeros(rows, np.int32)
        self.failures: NDArray[np.float64] = np.zeros(rows, np.float64)
        self.labels, self.only_for, self.images = LabelSets(rows), LabelSets(rows), LabelSets(rows)
        #: By weigher: what counts for a host instead of the general multiplier, NaN where nothing does.
        self.multipliers: dict[str, NDArray[np.float64]] = {}
        #: Values ever seen of each label; marks and bounds of versions ever seen; whether any host has a limit.
        self.values: dict[str, set[str]] = {}
        self.marks: set[str] = set()
        self.oldest_version = self.newest_version = 0
        self.limits_guests = self.limits_arriving = False
        #: Whether any host has a guest that arrived, or a failure: mostly none has.
        self.has_arrivals = self.has_failures = False
        #: Whether any host has said which images it has, ever; guests of all hosts.
        self.has_images = False
        self.all_guests = 0
        self._arrivals = Arrivals(rows)
        self._failed: dict[int, tuple[float, float]] = {}

    def grow(self, rows: int) -> None:
        for name in _COLUMNS:
            setattr(self, name, grown(getattr(self, name), rows))
        for name in _SETS:
            getattr(self, name).grow(rows)
        self.multipliers = {name: _grown_with_nan(column, rows) for name, column in self.multipliers.items()}
        self._arrivals.grow(rows)

    def excerpt(self, rows: Rows) -> HostAttributes:
        """These rows alone, to be looked at. Most decisions look at few columns: each is copied when it is."""
        small = HostAttributes.__new__(HostAttributes)
        small._excerpt_of = (self, rows)
        small.values, small.marks = self.values, self.marks
        small.limits_guests, small.limits_arriving = self.limits_guests, self.limits_arriving
        small.has_arrivals, small.has_failures = self.has_arrivals, self.has_failures
        small.oldest_version, small.newest_version = self.oldest_version, self.newest_version
        small.has_images, small.all_guests = self.has_images, self.all_guests
        small.multipliers = {weigher: column[rows] for weigher, column in self.multipliers.items()}
        return small

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """A column of an excerpt that was not looked at before."""
            if name == "_excerpt_of":
                raise AttributeError(name)
            whole, rows = self._excerpt_of
            value = getattr(whole, name)
            value = value.excerpt(rows) if isinstance(value, LabelSets) else value[rows]
            setattr(self, name, value)
            return value

    def scale(self) -> tuple[int, ...]:
        """What weights are measured by beside their own row."""
        return (self.oldest_version, self.newest_version)

    # --- what is said

    def put(self, row: int, said: Attributes) -> None:
        """Show what is said about a host now."""
        self.address_high[row], self.address_low[row] = _halves(said.address)
        self.hypervisor_version[row] = version = said.hypervisor_version
        if version:
            self.oldest_version = min(self.oldest_version or version, version)
            self.newest_version = max(self.newest_version, version)
        self._put_limits(row, said)
        self._put_labels(row, said)
        self.images.put(row, said.images)
        self.has_images |= bool(said.images)
        for name in {*said.multipliers, *self.multipliers}:
            if name not in self.multipliers:
                self.multipliers[name] = np.full(len(self.guests), np.nan)
            self.multipliers[name][row] = said.multipliers.get(name, np.nan)
        self.failures[row] = said.failures
        self._failed.pop(row, None)
        if said.failures:
            self._failed[row] = (said.failures, said.failed_at)
            self.has_failures = True

    def _put_limits(self, row: int, said: Attributes) -> None:
        guests = said.most_guests or self.most.get("guests", 0)
        arriving = said.most_arriving or self.most.get("arriving", 0)
        self.most_guests[row], self.most_arriving[row] = guests or NO_LIMIT, arriving or NO_LIMIT
        self.limits_guests |= bool(guests)
        self.limits_arriving |= bool(arriving)

    def _put_labels(self, row: int, said: Attributes) -> None:
        for key, values in said.labels.items():
            self.values.setdefault(key, set()).update(values)
        pairs = [label(key, value) for key, values in said.labels.items() for value in values]
        self.labels.put(row, [*said.labels, *pairs])
        self.only_for.put(row, said.only_for)
        self.marks.update(said.only_for)

    def clear(self, row: int) -> None:
        """Forget a host."""
        self.put(row, Attributes())
        self.all_guests -= int(self.guests[row])
        self.guests[row] = self.arriving[row] = 0
        self._arrivals.clear(row)

    # --- guests that come and go

    def count(self, row: int, guests: int, *, is_new: bool) -> None:
        """So many guests are there; those that were not known of a known host have come just now."""
        if guests > self.guests[row] and not is_new:
            self.arrive(row, guests - int(self.guests[row]))
        self.all_guests += guests - int(self.guests[row])
        self.guests[row] = guests

    def arrive(self, row: int, number: int = 1) -> None:
        """So many more claims; fewer when it is negative, for what came just now did not come at all."""
        self.guests[row] += number
        self.all_guests += number
        self.has_arrivals = True
        self._arrivals.add(row, number)
        self.arriving[row] = max(0, int(self.arriving[row]) + number)

    def leave(self, row: int) -> None:
        """One claim less."""
        self.guests[row] -= 1
        self.all_guests -= 1

    # --- time

    def pass_time(self, now: float) -> list[int]:
        """Let failures count less, and arrivals no more after a minute; say whose row has changed."""
        changed = self._arrivals.pass_time(now, self.arriving)
        self.has_arrivals = self._arrivals.has_any
        for row, (failures, since) in list(self._failed.items()):
            left = decayed(failures, now - since)
            if left < _FORGOTTEN:
                left = 0.0
                del self._failed[row]
            if abs(left - self.failures[row]) > _FORGOTTEN or not left:
                self.failures[row] = left
                changed.append(row)
        self.has_failures = bool(self._failed)
        return changed


def label(key: str, value: str) -> str:
    """A key and its value as one label; the key alone is one too."""
    return f"{key}\0{value}"


def within(attributes: HostAttributes, network: str, rows: int) -> NDArray[np.bool_]:
    """Whose address is in the network. Raises ValueError for what is no network."""
    asked = ip_network(network, strict=False)
    bits = asked.prefixlen + (96 if asked.version == 4 else 0)
    high, low = _halves(str(asked.network_address))
    mask = (1 << 128) - (1 << (128 - bits))
    found: Mask = (attributes.address_high[:rows] & np.uint64(mask >> 64)) == high
    found &= (attributes.address_low[:rows] & np.uint64(mask & _LOW)) == low
    found &= (attributes.address_high[:rows] | attributes.address_low[:rows]) != 0
    return found


def _halves(address: str) -> tuple[np.uint64, np.uint64]:
    """An address as two halves of an IPv6 one, IPv4 in its place there; zeros for a name or nothing."""
    if not address:
        return _NO_HALVES
    try:
        parsed = ip_address(address)
    except ValueError:
        return _NO_HALVES
    number = int(parsed) | _V4_IN_V6 if parsed.version == 4 else int(parsed)
    return np.uint64(number >> 64), np.uint64(number & _LOW)


def _grown_with_nan(column: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    wider = np.full(rows, np.nan)
    wider[: len(column)] = column
    return wider
