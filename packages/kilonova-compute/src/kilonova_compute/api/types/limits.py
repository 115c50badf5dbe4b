"""Bodies of limits, quotas and usage (nova, api/openstack/compute/schemas/{limits,quota_sets,quota_classes}.py)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from kilonova_kit.http.versioned import since, until
from msgspec import UNSET, Meta, UnsetType

Link = dict[str, str]
_Amount = Annotated[int, Meta(ge=-1, le=0x7FFFFFFF)] | UnsetType


class AbsoluteLimits(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a project may have, and what it has."""

    max_server_meta: int
    max_image_meta: Annotated[int, until(2, 39)]
    max_personality: Annotated[int, until(2, 57)]
    max_personality_size: Annotated[int, until(2, 57)]
    max_total_instances: int
    max_total_cores: int
    max_total_ram_size: int = msgspec.field(name="maxTotalRAMSize")
    max_total_keypairs: int
    max_total_floating_ips: Annotated[int, until(2, 36)]
    max_security_groups: Annotated[int, until(2, 36)]
    max_security_group_rules: Annotated[int, until(2, 36)]
    max_server_groups: int
    max_server_group_members: int
    total_instances_used: int
    total_cores_used: int
    total_ram_used: int = msgspec.field(name="totalRAMUsed")
    total_server_groups_used: int
    total_floating_ips_used: Annotated[int, until(2, 36)] = 0
    total_security_groups_used: Annotated[int, until(2, 36)] = 0


class LimitsView(msgspec.Struct, frozen=True, kw_only=True):
    """Rates are not limited."""

    absolute: AbsoluteLimits
    rate: list[Any] = []


class LimitsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"limits": ...}``."""

    limits: LimitsView


class LimitsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose limits."""

    tenant_id: list[str] = []


class QuotaSetView(msgspec.Struct, frozen=True, kw_only=True):
    """A project's quotas: numbers, or in detail ``{"in_use", "limit", "reserved"}``."""

    id: str | UnsetType = UNSET
    instances: Any
    cores: Any
    ram: Any
    fixed_ips: Annotated[Any, until(2, 36)]
    floating_ips: Annotated[Any, until(2, 36)]
    metadata_items: Any
    injected_files: Annotated[Any, until(2, 57)]
    injected_file_content_bytes: Annotated[Any, until(2, 57)]
    injected_file_path_bytes: Annotated[Any, until(2, 57)]
    security_groups: Annotated[Any, until(2, 36)]
    security_group_rules: Annotated[Any, until(2, 36)]
    key_pairs: Any
    server_groups: Any
    server_group_members: Any


class QuotaSetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"quota_set": ...}``."""

    quota_set: QuotaSetView


class QuotaSetChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quotas to set; numbers may come as text. ``force``: although more is in use."""

    instances: _Amount = UNSET
    cores: _Amount = UNSET
    ram: _Amount = UNSET
    fixed_ips: Annotated[_Amount, until(2, 36)] = UNSET
    floating_ips: Annotated[_Amount, until(2, 36)] = UNSET
    metadata_items: _Amount = UNSET
    injected_files: Annotated[_Amount, until(2, 57)] = UNSET
    injected_file_content_bytes: Annotated[_Amount, until(2, 57)] = UNSET
    injected_file_path_bytes: Annotated[_Amount, until(2, 57)] = UNSET
    security_groups: Annotated[_Amount, until(2, 36)] = UNSET
    security_group_rules: Annotated[_Amount, until(2, 36)] = UNSET
    networks: Annotated[_Amount, until(2, 36)] = UNSET
    key_pairs: _Amount = UNSET
    server_groups: _Amount = UNSET
    server_group_members: _Amount = UNSET
    force: bool | str = False


class UpdateQuotaSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``PUT /os-quota-sets/{project}``."""

    quota_set: QuotaSetChange


class QuotaQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of one user in the project."""

    user_id: list[str] = []


class QuotaClassView(msgspec.Struct, frozen=True, kw_only=True):
    """The quotas of a class."""

    id: str | UnsetType = UNSET
    instances: int
    cores: int
    ram: int
    fixed_ips: Annotated[int, until(2, 50)]
    floating_ips: Annotated[int, until(2, 50)]
    metadata_items: int
    injected_files: Annotated[int, until(2, 57)]
    injected_file_content_bytes: Annotated[int, until(2, 57)]
    injected_file_path_bytes: Annotated[int, until(2, 57)]
    security_groups: Annotated[int, until(2, 50)]
    security_group_rules: Annotated[int, until(2, 50)]
    key_pairs: int
    server_groups: Annotated[int, since(2, 50)]
    server_group_members: Annotated[int, since(2, 50)]


class QuotaClassAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"quota_class_set": ...}``."""

    quota_class_set: QuotaClassView


class QuotaClassChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quotas to set for a class. Those of server groups are shown since 2.50, and could always be set."""

    instances: _Amount = UNSET
    cores: _Amount = UNSET
    ram: _Amount = UNSET
    fixed_ips: Annotated[_Amount, until(2, 50)] = UNSET
    floating_ips: Annotated[_Amount, until(2, 50)] = UNSET
    metadata_items: _Amount = UNSET
    injected_files: Annotated[_Amount, until(2, 57)] = UNSET
    injected_file_content_bytes: Annotated[_Amount, until(2, 57)] = UNSET
    injected_file_path_bytes: Annotated[_Amount, until(2, 57)] = UNSET
    security_groups: Annotated[_Amount, until(2, 50)] = UNSET
    security_group_rules: Annotated[_Amount, until(2, 50)] = UNSET
    key_pairs: _Amount = UNSET
    networks: Annotated[_Amount, until(2, 50)] = UNSET
    server_groups: _Amount = UNSET
    server_group_members: _Amount = UNSET


class UpdateQuotaClass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``PUT /os-quota-class-sets/{name}``."""

    quota_class_set: QuotaClassChange


class ServerUsageView(msgspec.Struct, frozen=True, kw_only=True):
    """One server within a period; ``uptime`` is in seconds, disks in GiB."""

    instance_id: str
    name: str
    tenant_id: str
    flavor: str
    state: str
    hours: float
    uptime: int
    vcpus: int
    memory_mb: int
    local_gb: int
    started_at: str
    ended_at: str | None


class ProjectUsageView(msgspec.Struct, frozen=True, kw_only=True):
    """A project within a period."""

    tenant_id: str
    total_hours: float
    total_vcpus_usage: float
    total_memory_mb_usage: float
    total_local_gb_usage: float
    start: str
    stop: str
    server_usages: list[ServerUsageView] | UnsetType = UNSET


class UsageList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of projects."""

    tenant_usages: list[ProjectUsageView]
    tenant_usages_links: Annotated[list[Link] | UnsetType, since(2, 40)] = UNSET


class UsageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One project; an empty object where it had nothing."""

    tenant_usage: Any
    tenant_usage_links: Annotated[list[Link] | UnsetType, since(2, 40)] = UNSET


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The period, UTC; now where one end is missing."""

    start: list[str] = []
    end: list[str] = []
    detailed: list[str] = []
    limit: Annotated[list[str], since(2, 40)] = []
    marker: Annotated[list[str], since(2, 40)] = []
