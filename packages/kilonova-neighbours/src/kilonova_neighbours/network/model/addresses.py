"""Addresses: pools, keys that sort as the addresses do, and those that follow from a MAC. Pure.

A *key* is an address as fixed-width hexadecimal text, 8 digits for IPv4 and 32 for IPv6: the database compares and
ranges over it without knowing addresses.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import pairwise

import msgspec

from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.model.refusals import conflict, invalid, invalid_input

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

#: The IPv6 modes in which a port's address follows from its MAC (neutron/common/ipv6_utils.py).
_AUTO_MODES = frozenset({"slaac", "dhcpv6-stateless"})


class Span(msgspec.Struct, frozen=True, order=True):
    """Addresses from ``first`` to ``last``, both included, as integers."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def key_of(number: int, version: int) -> str:
    return f"{number:0{8 if version == 4 else 32}x}"


def address_of(number: int, version: int) -> str:
    return str(IPv4Address(number) if version == 4 else IPv6Address(number))


def spans_of(pools: Sequence[Record]) -> list[Span]:
    return [Span(int(ip_address(pool["start"])), int(ip_address(pool["end"]))) for pool in pools]


def uses_auto_addresses(subnet: Record) -> bool:
    return subnet["ipv6_address_mode"] in _AUTO_MODES or subnet["ipv6_ra_mode"] in _AUTO_MODES


def eui64_address(cidr: str, mac: str) -> str:
    """The address a host gives itself in a /64 (RFC 4291, appendix A)."""
    digits = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([digits[0] ^ 2]) + digits[1:3] + b"\xff\xfe" + digits[3:]
    return str(IPv6Address(int(ip_network(cidr).network_address) | int.from_bytes(interface, "big")))


def random_mac(base: str) -> str:
    """A MAC below the first three octets of ``base``."""
    tail = random.getrandbits(24)
    return f"{base}:{tail >> 16:02x}:{tail >> 8 & 255:02x}:{tail & 255:02x}"


def usable_span(network: Network) -> Span:
    """The addresses that a port may have: not the network's own, nor IPv4's broadcast, but all of a /31 or /32."""
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.prefixlen >= network.max_prefixlen - 1:
        return Span(first, last)
    return Span(first + 1, last - 1 if network.version == 4 else last)


def default_gateway(network: Network) -> str:
    number = int(network.network_address) + (0 if network.prefixlen == network.max_prefixlen else 1)
    return address_of(number, network.version)


def default_pools(network: Network, gateway: str | None) -> list[Record]:
    """Everything usable but the gateway."""
    span, version = usable_span(network), network.version
    at = int(ip_address(gateway)) if gateway and ip_address(gateway).version == version else -1
    parts = [span] if not span.first <= at <= span.last else [Span(span.first, at - 1), Span(at + 1, span.last)]
    return [
        {"start": address_of(part.first, version), "end": address_of(part.last, version)}
        for part in parts
        if part.size > 0
    ]


def check_pools(pools: Sequence[Record], network: Network, gateway: str | None) -> None:
    """Raises BadRequest or Conflict in the words of neutron/db/ipam_backend_mixin.py, validate_allocation_pools."""
    for pool in pools:
        start, end = ip_address(pool["start"]), ip_address(pool["end"])
        shown = f"{pool['start']}-{pool['end']}"
        if start.version != network.version or end.version != network.version:
            raise invalid("InvalidAllocationPool", f"The allocation pool {shown} is not valid.")
        if int(end) < int(start):
            raise invalid("InvalidAllocationPool", f"The allocation pool {shown} is not valid.")
        span = usable_span(network)
        if int(start) < span.first or int(end) > span.last:
            raise invalid(
                "OutOfBoundsAllocationPool", f"The allocation pool {shown} spans beyond the subnet cidr {network}."
            )
    _check_overlaps(pools, network)
    check_gateway_outside(pools, gateway)


def _check_overlaps(pools: Sequence[Record], network: Network) -> None:
    ordered = sorted(pools, key=lambda pool: int(ip_address(pool["start"])))
    for one, other in pairwise(ordered):
        if int(ip_address(other["start"])) <= int(ip_address(one["end"])):
            raise conflict(
                "OverlappingAllocationPools",
                f"Found overlapping allocation pools: {one['start']}-{one['end']} "
                f"{other['start']}-{other['end']} for subnet {network}.",
            )


def check_gateway_outside(pools: Sequence[Record], gateway: str | None) -> None:
    if gateway is None:
        return
    at = ip_address(gateway)
    for pool in pools:
        start, end = ip_address(pool["start"]), ip_address(pool["end"])
        if at.version == start.version and int(start) <= int(at) <= int(end):
            raise conflict(
                "GatewayConflictWithAllocationPools",
                f"Gateway ip {gateway} conflicts with allocation pool {pool['start']}-{pool['end']}.",
            )


def check_gateway(gateway: str, network: Network) -> None:
    """A gateway may stand outside of its subnet, but may not be its network or broadcast address."""
    at = ip_address(gateway)
    if at.version != network.version:
        raise invalid_input(f"gateway_ip '{gateway}' does not match the ip_version '{network.version}'")
    span = usable_span(network)
    if at in network and not span.first <= int(at) <= span.last:
        raise invalid_input("Gateway is not valid on subnet")


def same_address(text: str) -> str:
    """The one spelling of an address that is stored."""
    return str(ip_address(text))


def ranges_to_try(spans: Sequence[Span], window: int) -> Iterator[Span]:
    """A random window of every span, spans in a random order: where to look for a free address first."""
    for span in random.sample(spans, len(spans)):
        if span.size <= window:
            yield span
        else:
            first = random.randint(span.first, span.last - window + 1)  # noqa: S311 - only spreads the load
            yield Span(first, first + window - 1)
