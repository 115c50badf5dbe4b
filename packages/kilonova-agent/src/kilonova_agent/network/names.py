"""Names of everything one agent makes in the kernel, derived and never stored.

A link's name holds 15 bytes, so ids are shortened by hashing; the whole ids stand in the link's alias, where an
operator (``ip -d link``) can read them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

#: Every uplink of every agent begins so; firewall rules between agents on one machine rely on it.
UPLINK_PREFIX = "knu"
#: Route protocol number of our routes in the outside namespace (``ip route show proto 75``).
ROUTE_PROTOCOL = 75
METADATA_ADDRESS = "169.254.169.254"
METADATA_PORT = 80


def short(value: str, digits: int) -> str:
    """``digits`` hexadecimal digits that stand for a longer id."""
    return hashlib.blake2s(value.encode()).hexdigest()[:digits]


def tap(port_id: str) -> str:
    return f"tap{short(port_id, 12)}"


def bridge(network_id: str) -> str:
    return f"br{short(network_id, 12)}"


def router_leg(network_id: str) -> str:
    """The hub's end of the pair that joins a router to its bridge."""
    return f"rt{short(network_id, 12)}"


def packet_mark(port_id: str) -> int:
    """The firewall mark of packets that left this port: never 0, which stands for a port without security."""
    return int(short(port_id, 8), 16) or 1


def connection_half(port_id: str) -> int:
    """16 bits that stand for the port in a connection's mark; never 0. Two ports may share them."""
    return int(short(port_id, 4), 16) or 1


def router_mac(network_id: str) -> str:
    """The gateway's address: from a locally administered range that no port gets."""
    digits = short(network_id, 8)
    return "0e:4b:" + ":".join(digits[i : i + 2] for i in range(0, 8, 2))


class Names(msgspec.Struct, frozen=True):
    """The names that belong to one agent; ``tag`` is 8 hexadecimal digits."""

    tag: str

    @property
    def hub(self) -> str:
        return f"kn-{self.tag}"

    @property
    def outside_table(self) -> str:
        return f"kilonova_{self.tag}"

    def router(self, network_id: str) -> str:
        return f"kn-{self.tag}-{short(network_id, 8)}"

    def uplink(self, network_id: str) -> str:
        return f"{UPLINK_PREFIX}{self.tag[:4]}{short(network_id, 8)}"

    def is_ours(self, namespace: str) -> bool:
        return namespace == self.hub or namespace.startswith(f"{self.hub}-")


def names_of(data_dir: Path, host_id: str) -> Names:
    """The names of the agent that owns this directory and plays this host."""
    return Names(short(f"{data_dir.resolve()}\0{host_id}", 8))
