"""The tables of placement. ``claims`` and ``claim_amounts`` are the ledger: usage is a sum over it, never a counter.

Invariants: ``claim_amounts`` has rows of live claims only; every change of a provider, or of what is claimed of it,
raises the provider's ``generation`` and writes a row to ``changes`` in the same transaction. So does every new claim
with a group, and every release of one, with the group's: its members are its live claims. Every class and trait
that a provider has and the standard lists lack is in ``custom_classes`` or ``custom_traits``; one in use stays.
"""

from __future__ import annotations

from kilonova_kit.database import Json, StringList
from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

#: SQLite counts up by itself only for INTEGER.
_Sequence = BigInteger().with_variant(Integer, "sqlite")

providers = Table(
    "providers",
    metadata,
    Column("provider_id", String(36), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("generation", BigInteger, nullable=False),
    Column("root_id", String(36), nullable=False, index=True),
    Column("parent_id", String(36), ForeignKey("providers.provider_id"), index=True),
    Column("cell", String(255), nullable=False),
    Column("zone", String(255), nullable=False),
    Column("inventories", Json, nullable=False),
    Column("traits", StringList, nullable=False),
    Column("aggregates", StringList, nullable=False),
    Column("disabled", Text, nullable=False),
    Column("down", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("unseen", BigInteger, nullable=False, server_default="1"),
    Column("reported", Json),
    Column("overlay", Json),
    Column("attributes", Json),
)

claims = Table(
    "claims",
    metadata,
    Column("claim_id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),  # found by its consumer, which is a part of it
    Column("consumer", String(255), nullable=False, index=True),
    Column("project_id", String(255), nullable=False),
    Column("user_id", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("host_id", String(36), nullable=False, server_default=""),
    Column("host", String(200), nullable=False),
    Column("cell", String(255), nullable=False),
    Column("expires_at", Float),
    Column("created_at", Float, nullable=False),
    Column("released_at", Float),
    Column("consumer_type", String(255)),
    Column("group_id", String(255)),
    Column("leaves", String(64)),
    Index("ix_claims_project", "project_id", "user_id"),
)
# Few claims have these, so their indexes hold only those that do.
for _name, _column in {
    "expires": claims.c.expires_at,
    "released": claims.c.released_at,
    "group_id": claims.c.group_id,
    "leaves": claims.c.leaves,
}.items():
    _has_one = _column.isnot(None)
    Index(f"ix_claims_{_name}", _column, postgresql_where=_has_one, sqlite_where=_has_one)

claim_groups = Table(
    "claim_groups",
    metadata,
    Column("group_id", String(255), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("changed_at", Float, nullable=False),
    Index("ix_claim_groups_changed", "changed_at"),
)

# No foreign key to claims: PostgreSQL would lock each claim again for each of its amounts, a tenth of a round's commit.
# They are written and removed in the transactions that make and release their claims, and the proof looks for others.
claim_amounts = Table(
    "claim_amounts",
    metadata,
    Column("claim_id", String(64), primary_key=True),
    Column("provider_id", String(36), ForeignKey("providers.provider_id"), primary_key=True, index=True),
    Column("resource_class", String(255), primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

custom_classes = Table(
    "custom_classes",
    metadata,
    Column("class_id", _Sequence, primary_key=True, autoincrement=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
)

custom_traits = Table(
    "custom_traits",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("created_at", Float, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("provider_id", String(36), nullable=False),
    Column("writer", String(36), nullable=False),
    Column("at", Float, nullable=False),
    #: A group that changed; ``provider_id`` is empty then.
    Column("group_id", String(255), nullable=False, server_default=""),
    Index("ix_changes_at", "at"),
    sqlite_autoincrement=True,  # a number is never used twice, also after old rows are cleared away
)
