"""The tables. ``tags`` and ``properties`` have tables of their own so that lists can be filtered by them."""

from __future__ import annotations

from typing import Any

from kilonova_kit.database import Json
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()


def _text(name: str, *, null: bool = True) -> Column[str]:
    return Column(name, String(255), nullable=null)


def _json(name: str) -> Column[Any]:
    return Column(name, Json, nullable=True)


images = Table(
    "image_images",
    metadata,
    Column("id", String(36), primary_key=True),
    _text("name"),
    _text("owner"),
    _text("status", null=False),
    _text("visibility", null=False),
    Column("protected", Boolean, nullable=False),
    Column("os_hidden", Boolean, nullable=False),
    _text("disk_format"),
    _text("container_format"),
    Column("min_disk", Integer, nullable=False),
    Column("min_ram", Integer, nullable=False),
    Column("size", BigInteger),
    Column("virtual_size", BigInteger),
    _text("checksum"),
    _text("os_hash_algo"),
    _text("os_hash_value"),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    _text("token", null=False),
    Index("image_images_owner", "owner"),
    Index("image_images_created", "created_at", "id"),
    Index("image_images_status", "status"),
)

tags = Table(
    "image_tags",
    metadata,
    Column("image_id", String(36), primary_key=True),
    Column("tag", String(255), primary_key=True),
    Index("image_tags_tag", "tag"),
)

properties = Table(
    "image_properties",
    metadata,
    Column("image_id", String(36), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("value", Text, nullable=False),
    Index("image_properties_name", "name"),
)

members = Table(
    "image_members",
    metadata,
    Column("image_id", String(36), primary_key=True),
    Column("member_id", String(255), primary_key=True),
    _text("status", null=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("image_members_member", "member_id", "status"),
)

tasks = Table(
    "image_tasks",
    metadata,
    Column("id", String(36), primary_key=True),
    _text("type", null=False),
    _text("status", null=False),
    _text("owner"),
    _text("image_id"),
    _text("request_id"),
    _text("user_id"),
    _json("input"),
    _json("result"),
    Column("message", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("expires_at", Float),
    Index("image_tasks_image", "image_id"),
)

namespaces = Table(
    "image_metadef_namespaces",
    metadata,
    Column("namespace", String(80), primary_key=True),
    _text("display_name"),
    Column("description", Text),
    _text("visibility", null=False),
    Column("protected", Boolean, nullable=False),
    _text("owner"),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)

resource_types = Table(
    "image_metadef_resource_types",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("created_at", Float, nullable=False),
)

#: ``kind`` is object, property, tag or association; ``body`` what the API shows beyond the name and the times.
definitions = Table(
    "image_metadef_definitions",
    metadata,
    Column("namespace", String(80), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("name", String(255), primary_key=True),
    _json("body"),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)
