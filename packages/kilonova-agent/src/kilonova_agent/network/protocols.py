"""IP protocols by the names that security group rules may use (Neutron API reference, "protocol" of a rule)."""

from __future__ import annotations

_NUMBERS = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "icmp": 1,
    "icmpv6": 58,
    "igmp": 2,
    "ipip": 4,
    "ipv6-encap": 41,
    "ipv6-frag": 44,
    "ipv6-icmp": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ipv6-route": 43,
    "ospf": 89,
    "pgm": 113,
    "rsvp": 46,
    "sctp": 132,
    "tcp": 6,
    "udp": 17,
    "udplite": 136,
    "vrrp": 112,
}
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
    number = _NUMBERS.get(name) if not name.isdigit() else int(name)
    if number is None or not 0 <= number <= 255:
        raise ValueError(f"unknown IP protocol {protocol!r}")
    return number
