"""What makes a security group rule a valid one (neutron/db/securitygroups_db.py). Pure."""

from __future__ import annotations

from ipaddress import ip_network

from kilonova_kit.ip_protocols import IP_PROTOCOLS

from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.model.refusals import invalid

_WITH_PORTS = {"tcp": 6, "udp": 17, "udplite": 136, "sctp": 132, "dccp": 33}
_IPV6_ONLY = frozenset({"ipv6-encap", "ipv6-frag", "ipv6-icmp", "icmpv6", "ipv6-nonxt", "ipv6-opts", "ipv6-route"})


def protocol_number(protocol: str | None) -> int | None:
    if protocol is None:
        return None
    return IP_PROTOCOLS[protocol] if protocol in IP_PROTOCOLS else int(protocol)


def check_rule(rule: Record) -> None:
    """Raises BadRequest with Neutron's type and words."""
    if rule["remote_ip_prefix"] and rule["remote_group_id"]:
        raise invalid(
            "SecurityGroupRemoteGroupAndRemoteIpPrefix", "Only remote_ip_prefix or remote_group_id may be provided."
        )
    _check_ethertype(rule)
    _check_ports(rule)
    _check_prefix(rule)


def _check_ethertype(rule: Record) -> None:
    if rule["protocol"] in _IPV6_ONLY and rule["ethertype"] == "IPv4" and rule["protocol"] != "icmpv6":
        raise invalid(
            "SecurityGroupEthertypeConflictWithProtocol",
            f"Invalid ethertype {rule['ethertype']} for protocol {rule['protocol']}.",
        )


def _check_ports(rule: Record) -> None:
    low, high, protocol = rule["port_range_min"], rule["port_range_max"], rule["protocol"]
    if low is None and high is None:
        return
    number = protocol_number(protocol)
    if number is None or protocol == "ip":
        raise invalid("SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given.")
    if number in _WITH_PORTS.values():
        _check_range(low, high)
    elif number in (1, 58):
        _check_icmp(low, high)
    else:
        shown = ", ".join(f"{name} ({number})" for name, number in sorted(_WITH_PORTS.items()))
        raise invalid(
            "SecurityGroupInvalidProtocolForPort",
            f"Invalid protocol {protocol} for port range, only supported for {shown}.",
        )


def _check_range(low: int | None, high: int | None) -> None:
    if 0 in (low, high):
        raise invalid("SecurityGroupInvalidPortValue", "Invalid value for port 0")
    if low is None or high is None or low > high:
        raise invalid(
            "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max"
        )


def _check_icmp(kind: int | None, code: int | None) -> None:
    for name, field, value in (("port_range_min", "type", kind), ("port_range_max", "code", code)):
        if value is not None and not 0 <= value <= 255:
            raise invalid(
                "SecurityGroupInvalidIcmpValue",
                f"Invalid value for ICMP {field} ({name}) {value}. It must be 0 to 255.",
            )
    if kind is None and code is not None:
        raise invalid(
            "SecurityGroupMissingIcmpType",
            f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing.",
        )


def _check_prefix(rule: Record) -> None:
    prefix = rule["remote_ip_prefix"]
    if prefix and f"IPv{ip_network(prefix, strict=False).version}" != rule["ethertype"]:
        raise invalid(
            "SecurityGroupRuleParameterConflict",
            f"Conflicting value ethertype {rule['ethertype']} for CIDR {prefix}",
        )


def normalized(prefix: str | None) -> str | None:
    return str(ip_network(prefix, strict=False)) if prefix else None


def digest_of(rule: Record) -> str:
    """Rules of one group with one digest say the same; a prefix that means everything says nothing."""
    prefix = rule["normalized_cidr"]
    parts = (
        rule["direction"],
        rule["ethertype"],
        protocol_number(rule["protocol"]),
        rule["port_range_min"],
        rule["port_range_max"],
        None if prefix in ("0.0.0.0/0", "::/0") else prefix,
        rule["remote_group_id"],
    )
    return "|".join("" if part is None else str(part) for part in parts)
