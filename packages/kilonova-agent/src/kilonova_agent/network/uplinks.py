"""The way out: where uplink addresses come from, and which networks the machine can reach directly.

Link addresses come from a /22 of 100.64.0.0/10 (RFC 6598: not the public's and not the tenants') that no route of the
machine overlaps; a blackhole route with our protocol number holds it from then on, so that two agents never share one
and a stray packet never leaves the machine. Each network has the pair of addresses that its slot says.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

import msgspec

from kilonova_agent.network import names
from kilonova_agent.network.errors import HostUnfit
from kilonova_agent.network.links import Route

_SPACES = ("100.64.0.0/10", "198.18.0.0/15")
_RANGE_PREFIX = 22


class LinkPair(msgspec.Struct, frozen=True):
    """The addresses of one uplink: the outside's end and the router's, with /31 between them (RFC 3021)."""

    outside: str
    router: str


def link_pair(link_range: str, slot: int) -> LinkPair:
    first = ipaddress.IPv4Network(link_range)[2 * slot]
    return LinkPair(str(first), str(first + 1))


def choose_range(tag: str, routes: Iterable[Route]) -> str:
    """A free range; where to begin looking differs from agent to agent. HostUnfit: all are taken."""
    taken = [ipaddress.IPv4Network(route.destination) for route in routes]
    for candidate in _candidates(tag):
        if not any(candidate.overlaps(network) for network in taken):
            return str(candidate)
    raise HostUnfit(f"no free range for uplinks in {' or '.join(_SPACES)}: this machine's routes cover them")


def _candidates(tag: str) -> Iterator[ipaddress.IPv4Network]:
    for space in _SPACES:
        whole = ipaddress.IPv4Network(space)
        count = 1 << (_RANGE_PREFIX - whole.prefixlen)
        start = int(names.short(tag, 8), 16) % count
        for step in range(count):
            offset = ((start + step) % count) << (32 - _RANGE_PREFIX)
            yield ipaddress.IPv4Network((int(whole.network_address) + offset, _RANGE_PREFIX))


def reachable(cidrs: Iterable[str], routes: Iterable[Route], uplink: int) -> list[str]:
    """Which of a network's IPv4 ranges the machine may route through this uplink: those that overlap nothing else.

    Only networks that an administrator shares are asked about (``PortWiring.routed``). First come, first served: a
    range that another route (of the machine or of another network) overlaps is left out.
    """
    others = [ipaddress.IPv4Network(route.destination) for route in routes if route.out != uplink]
    wanted = [ipaddress.IPv4Network(cidr, strict=False) for cidr in cidrs if ":" not in cidr]
    return [str(network) for network in wanted if not any(network.overlaps(other) for other in others)]
