"""Security groups and networks in the shapes of nova-network, which the oldest clients know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What a network had in nova-network; the network service knows only some of it (nova, api/.../networks.py).
_FIELDS = (
    "id", "cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6", "label", "netmask_v6",
)  # fmt: skip
_ADMIN_FIELDS = (
    "created_at", "updated_at", "deleted_at", "deleted", "injected", "bridge", "vlan", "vpn_public_address",
    "vpn_public_port", "vpn_private_address", "dhcp_start", "project_id", "host", "bridge_interface", "multi_host",
    "priority", "rxtx_base", "mtu", "dhcp_server", "enable_dhcp", "share_address",
)  # fmt: skip


def group_view(group: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A security group with what comes in; ``names`` are those of the groups that rules name, by id."""
    rules = [rule for rule in group.get("security_group_rules", ()) if rule["direction"] == "ingress"]
    return {
        "id": group["id"],
        "name": group["name"],
        "description": group.get("description") or "",
        "tenant_id": group["project_id"],
        "rules": [rule_view(rule, names) for rule in rules],
    }


def rule_view(rule: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A rule. No port is -1, as it was before there was a network service."""
    anywhere = "::/0" if rule["ethertype"] == "IPv6" else "0.0.0.0/0"
    remote = rule.get("remote_group_id")
    return {
        "id": rule["id"],
        "parent_group_id": rule["security_group_id"],
        "ip_protocol": rule["protocol"],
        "from_port": -1 if rule["port_range_min"] is None else rule["port_range_min"],
        "to_port": -1 if rule["port_range_max"] is None else rule["port_range_max"],
        "ip_range": {} if remote else {"cidr": rule.get("remote_ip_prefix") or anywhere},
        "group": {"name": names.get(remote, remote), "tenant_id": rule["project_id"]} if remote else {},
    }


def network_view(network: Mapping[str, Any], *, for_admin: bool) -> dict[str, Any]:
    """A network: its id and name; of the rest the network service says nothing here."""
    fields = (*_FIELDS, *_ADMIN_FIELDS) if for_admin else _FIELDS
    return dict.fromkeys(fields) | {"id": network["id"], "label": network["name"]}


def tenant_network_view(network: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": network["id"], "cidr": "None", "label": network["name"]}
