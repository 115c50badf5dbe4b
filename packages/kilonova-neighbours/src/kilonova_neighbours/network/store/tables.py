"""The tables. Every resource has the standard columns; a column is named as its public attribute, with ``_`` for ``:``.

Invariants that the tables themselves keep:
- an address is allocated once in its subnet, a MAC stands once on its network, a rule says its thing once in its group;
- nothing points to what does not exist: a network with ports or a group with members cannot go.
Some lists stand twice: as rows, which keep the invariants and are searched, and as JSON on the resource, which makes
reading a port one row. Both are written by the same function of ``store`` in the same transaction.
"""

from __future__ import annotations

from typing import Any

from kilonova_kit.database import Json
from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()


def _id(name: str, *extra: Any, **options: Any) -> Column[str]:
    return Column(name, String(36), *extra, **options)


def _text(name: str, size: int = 255, **options: Any) -> Column[str]:
    return Column(name, String(size), **options)


def _standard(table: str) -> tuple[Any, ...]:
    """What every resource has."""
    return (
        _id("id", primary_key=True),
        _text("project_id", nullable=False, server_default=""),
        _text("description", nullable=False, server_default=""),
        Column("revision_number", Integer, nullable=False, server_default="1"),
        _text("created_at", 32, nullable=False),
        _text("updated_at", 32, nullable=False),
        Column("tags", Json),
        Index(f"ix_{table}_project", "project_id"),
    )


networks = Table(
    "networks",
    metadata,
    *_standard("networks"),
    _text("name", nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    _text("status", 16, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("router_external", Boolean, nullable=False),
    Column("mtu", Integer, nullable=False),
    Column("port_security_enabled", Boolean, nullable=False),
    _text("provider_network_type", 32),
    _text("provider_physical_network", 64),
    Column("provider_segmentation_id", Integer),
    Column("availability_zone_hints", Json),
)

address_scopes = Table(
    "address_scopes",
    metadata,
    *_standard("address_scopes"),
    _text("name", nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("ip_version", Integer, nullable=False),
)

subnetpools = Table(
    "subnetpools",
    metadata,
    *_standard("subnetpools"),
    _text("name", nullable=False),
    Column("ip_version", Integer, nullable=False),
    Column("prefixes", Json, nullable=False),
    Column("default_prefixlen", Integer, nullable=False),
    Column("min_prefixlen", Integer, nullable=False),
    Column("max_prefixlen", Integer, nullable=False),
    Column("default_quota", Integer),
    Column("shared", Boolean, nullable=False),
    Column("is_default", Boolean, nullable=False),
    _id("address_scope_id", ForeignKey("address_scopes.id")),
)

subnets = Table(
    "subnets",
    metadata,
    *_standard("subnets"),
    _text("name", nullable=False),
    _id("network_id", ForeignKey("networks.id"), nullable=False, index=True),
    Column("ip_version", Integer, nullable=False),
    _text("cidr", 64, nullable=False),
    _text("gateway_ip", 64),
    Column("enable_dhcp", Boolean, nullable=False),
    _text("ipv6_ra_mode", 32),
    _text("ipv6_address_mode", 32),
    _id("subnetpool_id", ForeignKey("subnetpools.id"), index=True),
    Column("allocation_pools", Json, nullable=False),
    Column("dns_nameservers", Json, nullable=False),
    Column("host_routes", Json, nullable=False),
    Column("service_types", Json, nullable=False),
)

ports = Table(
    "ports",
    metadata,
    *_standard("ports"),
    _text("name", nullable=False),
    _id("network_id", ForeignKey("networks.id"), nullable=False),
    _text("mac_address", 32, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    _text("status", 16, nullable=False),
    _text("device_id", nullable=False, index=True),
    _text("device_owner", nullable=False),
    Column("port_security_enabled", Boolean, nullable=False),
    Column("fixed_ips", Json, nullable=False),
    Column("security_groups", Json, nullable=False),
    Column("allowed_address_pairs", Json, nullable=False),
    Column("extra_dhcp_opts", Json, nullable=False),
    _text("binding_host_id", nullable=False, index=True),
    _text("binding_vnic_type", 64, nullable=False),
    Column("binding_profile", Json, nullable=False),
    _text("binding_vif_type", 64, nullable=False),
    Column("binding_vif_details", Json, nullable=False),
    UniqueConstraint("network_id", "mac_address", name="uq_ports_mac"),
)

address_allocations = Table(
    "address_allocations",
    metadata,
    _id("subnet_id", ForeignKey("subnets.id"), nullable=False),
    _text("address_key", 32, nullable=False),
    _text("address", 64, nullable=False, index=True),
    _id("port_id", ForeignKey("ports.id", ondelete="CASCADE"), nullable=False, index=True),
    PrimaryKeyConstraint("subnet_id", "address_key"),
)

routers = Table(
    "routers",
    metadata,
    *_standard("routers"),
    _text("name", nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    _text("status", 16, nullable=False),
    Column("enable_snat", Boolean, nullable=False),
    Column("routes", Json, nullable=False),
    Column("availability_zone_hints", Json),
)

#: Which ports are a router's own. What a port says in device_id anybody may write; this only routers write.
router_ports = Table(
    "router_ports",
    metadata,
    _id("port_id", ForeignKey("ports.id", ondelete="CASCADE"), primary_key=True),
    _id("router_id", ForeignKey("routers.id"), nullable=False, index=True),
    _text("device_owner", 64, nullable=False),
)

security_groups = Table(
    "security_groups",
    metadata,
    *_standard("security_groups"),
    _text("name", nullable=False),
    Column("stateful", Boolean, nullable=False),
)

default_security_groups = Table(
    "default_security_groups",
    metadata,
    _text("project_id", primary_key=True),
    _id("security_group_id", ForeignKey("security_groups.id", ondelete="CASCADE"), nullable=False, index=True),
)

security_group_rules = Table(
    "security_group_rules",
    metadata,
    *_standard("security_group_rules"),
    _id("security_group_id", ForeignKey("security_groups.id", ondelete="CASCADE"), nullable=False),
    _text("direction", 16, nullable=False),
    _text("ethertype", 16, nullable=False),
    _text("protocol", 40),
    Column("port_range_min", Integer),
    Column("port_range_max", Integer),
    _text("remote_ip_prefix", 64),
    _text("normalized_cidr", 64),
    _id("remote_group_id", ForeignKey("security_groups.id", ondelete="CASCADE"), index=True),
    Column("digest", Text, nullable=False),
    UniqueConstraint("security_group_id", "digest", name="uq_security_group_rules_digest"),
)

port_security_groups = Table(
    "port_security_groups",
    metadata,
    _id("port_id", ForeignKey("ports.id", ondelete="CASCADE"), nullable=False),
    _id("security_group_id", ForeignKey("security_groups.id"), nullable=False, index=True),
    PrimaryKeyConstraint("port_id", "security_group_id"),
)

rbac_policies = Table(
    "network_rbac_policies",
    metadata,
    *_standard("network_rbac_policies"),
    _text("object_type", 64, nullable=False),
    _id("object_id", ForeignKey("networks.id", ondelete="CASCADE"), nullable=False),
    _text("action", 64, nullable=False),
    _text("target_tenant", nullable=False, index=True),
    UniqueConstraint("object_id", "action", "target_tenant", name="uq_network_rbac_target"),
)

quotas = Table(
    "network_quotas",
    metadata,
    _text("project_id", primary_key=True),
    _text("resource", 64, primary_key=True),
    Column("limit", Integer, nullable=False),
)

tags = Table(
    "network_tags",
    metadata,
    _id("resource_id", primary_key=True),
    _text("tag", primary_key=True),
    Index("ix_network_tags_tag", "tag"),
)
