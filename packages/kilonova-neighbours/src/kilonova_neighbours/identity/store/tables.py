"""The tables. Columns are named as the fields of the model's types; "" stands for "none" where a key needs it."""

from __future__ import annotations

from typing import Any

from kilonova_kit.database import Json, StringList
from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()


def _id(name: str = "id") -> Column[str]:
    return Column(name, String(255), primary_key=True)


def _text(name: str, *, null: bool = False, index: bool = False) -> Column[str]:
    return Column(name, String(255), nullable=null, index=index)


def _json(name: str) -> Column[Any]:
    return Column(name, Json, nullable=True)


projects = Table(
    "identity_projects",
    metadata,
    _id(),
    _text("name"),
    _text("domain_id"),
    _text("parent_id", index=True),
    Column("is_domain", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    _json("options"),
    Column("tags", StringList),
    _json("extra"),
    Column("tokens_valid_from", Float, nullable=False),
    UniqueConstraint("domain_id", "name"),
)

domain_configs = Table("identity_domain_configs", metadata, _id("domain_id"), _json("config"))

users = Table(
    "identity_users",
    metadata,
    _id(),
    _text("name"),
    _text("domain_id"),
    Column("enabled", Boolean, nullable=False),
    _text("default_project_id", null=True),
    _json("options"),
    _json("extra"),
    Column("password_hash", Text),
    Column("former_hashes", StringList),
    Column("tokens_valid_from", Float, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed_at", Float, nullable=False),
    UniqueConstraint("domain_id", "name"),
)

groups = Table(
    "identity_groups",
    metadata,
    _id(),
    _text("name"),
    _text("domain_id"),
    Column("description", Text, nullable=False),
    _json("extra"),
    UniqueConstraint("domain_id", "name"),
)

memberships = Table("identity_memberships", metadata, _id("group_id"), _id("user_id"))
Index("identity_memberships_by_user", memberships.c.user_id)

roles = Table(
    "identity_roles",
    metadata,
    _id(),
    _text("name"),
    _text("domain_id"),
    Column("description", Text),
    _json("options"),
    _json("extra"),
    UniqueConstraint("domain_id", "name"),
)

implications = Table("identity_implications", metadata, _id("prior_role_id"), _id("implied_role_id"))

assignments = Table(
    "identity_assignments",
    metadata,
    Column("actor_kind", String(8), primary_key=True),
    _id("actor_id"),
    Column("target_kind", String(8), primary_key=True),
    _id("target_id"),
    _id("role_id"),
    Column("inherited", Boolean, primary_key=True),
)
Index("identity_assignments_by_actor", assignments.c.actor_id)
Index("identity_assignments_by_target", assignments.c.target_id)

regions = Table(
    "identity_regions",
    metadata,
    _id(),
    Column("description", Text, nullable=False),
    _text("parent_region_id", null=True),
    _json("extra"),
)

services = Table(
    "identity_services",
    metadata,
    _id(),
    _text("type"),
    _text("name", null=True),
    Column("description", Text),
    Column("enabled", Boolean, nullable=False),
    _json("extra"),
)

endpoints = Table(
    "identity_endpoints",
    metadata,
    _id(),
    _text("service_id", index=True),
    _text("interface"),
    Column("url", Text, nullable=False),
    _text("region_id", null=True),
    Column("enabled", Boolean, nullable=False),
    _json("extra"),
)

endpoint_groups = Table(
    "identity_endpoint_groups", metadata, _id(), _text("name"), Column("description", Text), _json("filters")
)
project_endpoints = Table("identity_project_endpoints", metadata, _id("project_id"), _id("endpoint_id"))
project_endpoint_groups = Table(
    "identity_project_endpoint_groups", metadata, _id("project_id"), _id("endpoint_group_id")
)

credentials = Table(
    "identity_credentials",
    metadata,
    _id(),
    _text("user_id", index=True),
    _text("project_id", null=True),
    _text("type"),
    Column("blob", Text, nullable=False),
    _json("extra"),
)

access_rules = Table(
    "identity_access_rules",
    metadata,
    _id(),
    _text("user_id", index=True),
    _text("service"),
    _text("method"),
    Column("path", Text, nullable=False),
)

application_credentials = Table(
    "identity_application_credentials",
    metadata,
    _id(),
    _text("name"),
    _text("user_id"),
    _text("project_id", index=True),
    Column("secret_hash", Text, nullable=False),
    Column("role_ids", StringList),
    Column("description", Text),
    Column("expires_at", Float),
    Column("unrestricted", Boolean, nullable=False),
    _json("access_rule_ids"),
    UniqueConstraint("user_id", "name"),
)

trusts = Table(
    "identity_trusts",
    metadata,
    _id(),
    _text("trustor_user_id", index=True),
    _text("trustee_user_id", index=True),
    _text("project_id", null=True),
    Column("impersonation", Boolean, nullable=False),
    Column("role_ids", StringList),
    Column("expires_at", Float),
    Column("remaining_uses", Integer),
    Column("redelegation_count", Integer, nullable=False),
    _text("redelegated_trust_id", null=True),
    _json("extra"),
)

consumers = Table("identity_consumers", metadata, _id(), _text("secret"), Column("description", Text), _json("extra"))
policies = Table("identity_policies", metadata, _id(), _text("type"), _json("blob"), _json("extra"))

registered_limits = Table(
    "identity_registered_limits",
    metadata,
    _id(),
    _text("service_id"),
    _text("resource_name"),
    Column("default_limit", Integer, nullable=False),
    _text("region_id", null=True),
    Column("description", Text),
)

limits = Table(
    "identity_limits",
    metadata,
    _id(),
    _text("service_id"),
    _text("resource_name"),
    Column("resource_limit", Integer, nullable=False),
    _text("region_id", null=True),
    _text("project_id", null=True),
    _text("domain_id", null=True),
    Column("description", Text),
)

revocations = Table(
    "identity_revocations",
    metadata,
    _id(),
    _text("audit_id", index=True),
    _text("user_id", index=True),
    _text("target_id"),
    Column("issued_before", Float, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
)
