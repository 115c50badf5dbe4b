"""A range for the network ``private`` that this machine does not use, so that it can reach guests directly."""

from __future__ import annotations

import ipaddress
import subprocess

import msgspec

#: Tried in this order; the first one that overlaps no route of the machine is taken.
_CANDIDATES = tuple(f"10.{second}.0.0/24" for second in (64, *range(65, 128), *range(10, 64)))


def free_network() -> str:
    """A /24 that no route of this machine overlaps."""
    taken = _routes()
    for text in _CANDIDATES:
        network = ipaddress.ip_network(text)
        if not any(network.overlaps(other) for other in taken):
            return text
    return _CANDIDATES[0]


def _routes() -> list[ipaddress.IPv4Network]:
    try:
        told = subprocess.run(["ip", "-4", "-json", "route", "show", "table", "all"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    routes = msgspec.json.decode(told.stdout or b"[]")
    destinations = (str(route.get("dst", "default")) for route in routes)
    return [ipaddress.IPv4Network(one, strict=False) for one in destinations if one != "default"]
