"""The tables: ``GLOBAL`` in the one global database, ``CELL`` in every cell's.

A resource is kept whole as JSON in ``record``; the other columns are those that are searched, sorted or compared.
Expand (kilonova_kit.database.schema) creates what is missing; a column may be added only nullable
or with a server default.
"""

from __future__ import annotations

from kilonova_kit.database import Json
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

_NAMES = {"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}

GLOBAL = MetaData(naming_convention=_NAMES)
CELL = MetaData(naming_convention=_NAMES)

#: SQLite counts up only an INTEGER key; PostgreSQL wants more room.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")

cells = Table(
    "cells",
    GLOBAL,
    Column("name", String(64), primary_key=True),
    Column("database_url", Text, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default="0"),
)

host_registry = Table(
    "host_registry",
    GLOBAL,
    Column("number", _SERIAL, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("cell", String(64), nullable=False),
    Column("public_key", String(64), nullable=False),
    Column("joined_at", Float, nullable=False),
)

join_tokens = Table(
    "join_tokens",
    GLOBAL,
    Column("digest", String(64), primary_key=True),
    Column("cell", String(64), nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_by", String(36)),
)

server_index = Table(
    "server_index",
    GLOBAL,
    Column("id", String(36), primary_key=True),
    Column("cell", String(64), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("hostname", String(255), nullable=False),
    Column("vm_state", String(32), nullable=False),
    Column("task_state", String(32)),
    Column("power", Integer, nullable=False),
    Column("host", String(255)),
    Column("host_id", String(36)),
    Column("node", String(255)),
    Column("image_id", String(64), nullable=False),
    Column("flavor_id", String(255), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("launched_at", Float),
    Column("terminated_at", Float),
    Column("deleted", Boolean, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("availability_zone", String(255)),
    Column("key_name", String(255)),
    Column("config_drive", Boolean, nullable=False),
    Column("access_ip_v4", String(64)),
    Column("access_ip_v6", String(64)),
    Column("reservation_id", String(64)),
    Column("description", String(255)),
    Column("launch_index", Integer, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("addresses", Text, nullable=False),  # " 10.0.0.5 fd00::5 "
    Column("tags", Text, nullable=False),  # "\x1fweb\x1fblue\x1f"
    Column("metadata", Text, nullable=False),  # "\x1fkey\x1evalue\x1f"
    Column("vcpus", Integer, nullable=False),
    Column("ram", Integer, nullable=False),
    Column("record", Text, nullable=False),
    Index("ix_server_index_page", "project_id", "deleted", "created_at", "id"),
    Index("ix_server_index_all", "deleted", "created_at", "id"),
    Index("ix_server_index_host", "host_id", "deleted"),
    Index("ix_server_index_changes", "project_id", "updated_at"),
)

requests = Table(
    "requests",
    GLOBAL,
    Column("server_id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("record", Json, nullable=False),
)

#: What is done once in a cloud's life, and never again.
done_once = Table("done_once", GLOBAL, Column("name", String(64), primary_key=True))

flavors = Table(
    "flavors",
    GLOBAL,
    Column("number", _SERIAL, primary_key=True, autoincrement=True),
    Column("flavor_id", String(255), nullable=False, unique=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("record", Text, nullable=False),
)

key_pairs = Table(
    "key_pairs",
    GLOBAL,
    Column("number", _SERIAL, primary_key=True, autoincrement=True),
    Column("user_id", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("fingerprint", String(255), nullable=False),
    Column("created_at", Float, nullable=False),
    Index("uq_key_pairs_name", "user_id", "name", unique=True),
)

quotas = Table(
    "quotas",
    GLOBAL,
    Column("scope", String(16), primary_key=True),  # "project", "user" (of a project) or "class"
    Column("owner", String(255), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

aggregates = Table(
    "aggregates",
    GLOBAL,
    Column("number", _SERIAL, primary_key=True, autoincrement=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("record", Text, nullable=False),
)

#: By the numbers of aggregates; the hosts are those that the aggregate had when it was asked for.
precaches = Table(
    "precaches",
    GLOBAL,
    Column("aggregate", BigInteger, primary_key=True),
    Column("image_id", String(64), primary_key=True),
    Column("until", Float, nullable=False),
    Column("record", Text, nullable=False),
)

precache_hosts = Table(
    "precache_hosts",
    GLOBAL,
    Column("aggregate", BigInteger, primary_key=True),
    Column("image_id", String(64), primary_key=True),
    Column("host", String(255), primary_key=True),
    Column("stage", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_precache_hosts_due", "stage", "due_at"),
)

server_groups = Table(
    "server_groups",
    GLOBAL,
    Column("number", _SERIAL, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("project_id", String(64), nullable=False, index=True),
    Column("record", Text, nullable=False),
)

#: Written together with the request; a member counts until its server is deleted.
server_group_members = Table(
    "server_group_members",
    GLOBAL,
    Column("server_id", String(36), primary_key=True),
    Column("group_id", String(36), nullable=False, index=True),
    Column("user_id", String(64), nullable=False),
    Column("joined_at", Float, nullable=False),
)

servers = Table(
    "servers",
    CELL,
    Column("id", String(36), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("host_id", String(36), index=True),
    Column("deleted_at", Float, index=True),
    Column("record", Text, nullable=False),
)

server_locks = Table(
    "server_locks",
    CELL,
    Column("server_id", String(36), primary_key=True),
    Column("action_id", String(36), nullable=False),
)

actions = Table(
    "actions",
    CELL,
    Column("id", String(36), primary_key=True),
    Column("server_id", String(36), nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("wake_at", Float, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", String(64)),
    Column("held_until", Float),
    Column("record", Text, nullable=False),
    Index("ix_actions_due", "state", "wake_at"),
    Index("ix_actions_of_server", "server_id", "started_at"),
)

action_lines = Table(
    "action_lines",
    CELL,
    Column("action_id", String(36), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("record", Text, nullable=False),
)

outbox = Table(
    "outbox",
    CELL,
    Column("number", _SERIAL, primary_key=True, autoincrement=True),
    Column("server_id", String(36), nullable=False),
)

hosts = Table(
    "hosts",
    CELL,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("heard_at", Float, nullable=False),
    Column("record", Text, nullable=False),
)
