"""IP protocols by the names that security group rules may use (Neutron API reference, "protocol" of a rule)."""

from __future__ import annotations

from kilonova_kit.ip_protocols import IP_PROTOCOLS

_ANY = {"", "any", "ip", "0", "hopopt"}


def protocol_number(protocol: str, ip_version: int) -> int | None:
    """The protocol's number, None for any. "icmp" in an IPv6 rule means ICMPv6, as in Neutron.

    ValueError: a name that no rule may have.
    """
    name = protocol.lower()
    if name in _ANY:
        return None
    if name in ("icmp", "1") and ip_version == 6:
        return 58
    number = IP_PROTOCOLS.get(name) if not name.isdigit() else int(name)
    if number is None or not 0 <= number <= 255:
        raise ValueError(f"unknown IP protocol {protocol!r}")
    return number
