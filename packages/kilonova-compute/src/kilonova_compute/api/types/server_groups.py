"""Bodies of the server groups API (nova, api/openstack/compute/schemas/server_groups.py)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from kilonova_kit.http.versioned import since, until
from msgspec import UNSET, Meta, UnsetType

from kilonova_compute.api.types.values import Name

PolicyName = Literal["anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"]


class GroupRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many members one host may have."""

    max_server_per_host: Annotated[int, Meta(ge=1)] | str | UnsetType = UNSET


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """A server group."""

    id: str
    name: str
    members: list[str]
    policies: Annotated[list[str], until(2, 64)]
    metadata: Annotated[dict[str, str], until(2, 64)] = {}
    policy: Annotated[str, since(2, 64)]
    rules: Annotated[dict[str, int], since(2, 64)]
    project_id: Annotated[str, since(2, 13)]
    user_id: Annotated[str, since(2, 13)]


class GroupAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"server_group": ...}``."""

    server_group: GroupView


class GroupList(msgspec.Struct, frozen=True, kw_only=True):
    """A page."""

    server_groups: list[GroupView]


class NewGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a server group is made from: ``policies`` with one item before 2.64, ``policy`` since."""

    name: Name
    policies: Annotated[list[PolicyName] | UnsetType, until(2, 64)] = UNSET
    policy: Annotated[PolicyName | UnsetType, since(2, 64)] = UNSET
    rules: Annotated[GroupRules | UnsetType, since(2, 64)] = UNSET


class CreateGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /os-server-groups``."""

    server_group: NewGroup


class GroupQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which page; of all projects for administrators."""

    all_projects: list[str] = []
    limit: list[str] = []
    offset: list[str] = []
