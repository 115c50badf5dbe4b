"""Bodies about hosts: services, hypervisors, zones, aggregates (nova, api/openstack/compute/schemas)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from kilonova_kit.http.versioned import since, until
from msgspec import UNSET, Meta, UnsetType

from kilonova_compute.api.types.values import Hostname, Name

Link = dict[str, str]
_Zone = Annotated[
    str, Meta(min_length=1, max_length=255, pattern=r"^[^\s:\x00-\x1f\x7f]([^:\x00-\x1f\x7f]*[^\s:\x00-\x1f\x7f])?\Z")
]
_Reason = Annotated[str, Meta(min_length=1, max_length=255)]
_Key = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9-_:. ]{1,255}\Z")]
_Value = Annotated[str, Meta(max_length=255)]


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """A service. Of a cell that is down only binary, host and status are known, from 2.69 on."""

    binary: str
    host: str
    status: str
    id: int | str | UnsetType = UNSET
    zone: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    updated_at: str | UnsetType | None = UNSET
    disabled_reason: str | UnsetType | None = UNSET
    forced_down: Annotated[bool | UnsetType, since(2, 11)] = UNSET


class ServiceList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    services: list[ServiceView]


class ServiceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"service": ...}``; before 2.53 only what was asked for."""

    service: Any


class ServiceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of one host, of one kind."""

    host: list[str] = []
    binary: list[str] = []


class OldServiceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``PUT /os-services/{action}``, before 2.53."""

    host: Hostname
    binary: Annotated[str, Meta(min_length=1, max_length=255)]
    disabled_reason: _Reason | UnsetType = UNSET
    forced_down: Annotated[bool | str | UnsetType, since(2, 11)] = UNSET


class ServiceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``PUT /os-services/{id}``, from 2.53 on."""

    status: Literal["enabled", "disabled"] | UnsetType = UNSET
    disabled_reason: _Reason | UnsetType = UNSET
    forced_down: bool | str | UnsetType = UNSET


class HypervisorQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which hypervisors, and what of them."""

    limit: Annotated[list[str], since(2, 33)] = []
    marker: Annotated[list[str], since(2, 33)] = []
    hypervisor_hostname_pattern: Annotated[list[str], since(2, 53)] = []
    with_servers: Annotated[list[str], since(2, 53)] = []


class OneHypervisorQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whether its servers are asked for."""

    with_servers: Annotated[list[str], since(2, 53)] = []


class HypervisorView(msgspec.Struct, frozen=True, kw_only=True):
    """A host as what runs guests. Amounts are in vCPUs, MiB and GiB."""

    id: int | str
    hypervisor_hostname: str
    state: str
    status: str
    hypervisor_type: str | UnsetType = UNSET
    hypervisor_version: int | UnsetType = UNSET
    host_ip: str | UnsetType = UNSET
    service: dict[str, Any] | UnsetType = UNSET
    vcpus: Annotated[int | UnsetType, until(2, 88)] = UNSET
    memory_mb: Annotated[int | UnsetType, until(2, 88)] = UNSET
    local_gb: Annotated[int | UnsetType, until(2, 88)] = UNSET
    vcpus_used: Annotated[int | UnsetType, until(2, 88)] = UNSET
    memory_mb_used: Annotated[int | UnsetType, until(2, 88)] = UNSET
    local_gb_used: Annotated[int | UnsetType, until(2, 88)] = UNSET
    free_ram_mb: Annotated[int | UnsetType, until(2, 88)] = UNSET
    free_disk_gb: Annotated[int | UnsetType, until(2, 88)] = UNSET
    current_workload: Annotated[int | UnsetType, until(2, 88)] = UNSET
    running_vms: Annotated[int | UnsetType, until(2, 88)] = UNSET
    disk_available_least: Annotated[int | UnsetType, until(2, 88)] = UNSET
    cpu_info: Annotated[Any, until(2, 88)] = UNSET
    uptime: str | UnsetType | None = UNSET
    servers: list[dict[str, str]] | UnsetType = UNSET


class HypervisorList(msgspec.Struct, frozen=True, kw_only=True):
    """A page."""

    hypervisors: list[HypervisorView]
    hypervisors_links: Annotated[list[Link] | UnsetType, since(2, 33)] = UNSET


class HypervisorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"hypervisor": ...}``."""

    hypervisor: HypervisorView


class StatisticsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all hypervisors."""

    hypervisor_statistics: dict[str, int]


class ZoneView(msgspec.Struct, frozen=True, kw_only=True):
    """An availability zone; hosts are for administrators."""

    zone_name: str = msgspec.field(name="zoneName")
    zone_state: dict[str, bool] = msgspec.field(name="zoneState")
    hosts: dict[str, Any] | None = None


class ZoneList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    zones: list[ZoneView] = msgspec.field(name="availabilityZoneInfo")


class AggregateView(msgspec.Struct, frozen=True, kw_only=True):
    """An aggregate; right after it was made without hosts and metadata."""

    id: int
    name: str
    availability_zone: str | None
    created_at: str
    updated_at: str | None
    uuid: Annotated[str, since(2, 41)]
    deleted: bool = False
    deleted_at: str | None = None
    hosts: list[str] | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class AggregateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"aggregate": ...}``."""

    aggregate: AggregateView


class AggregateList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    aggregates: list[AggregateView]


class NewAggregate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an aggregate is made from."""

    name: Name
    availability_zone: _Zone | None = None


class CreateAggregate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /os-aggregates``."""

    aggregate: NewAggregate


class AggregateChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may change; at least one of the two."""

    name: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"[^\s]")] | UnsetType = UNSET
    availability_zone: _Zone | UnsetType | None = UNSET


class UpdateAggregate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``PUT /os-aggregates/{id}``."""

    aggregate: AggregateChange


class AggregateHost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The host that comes or goes."""

    host: Hostname


class AggregateMetadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Items to set, and (None) to remove."""

    metadata: dict[_Key, _Value | None]


class CachedImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image that hosts are to have at hand."""

    id: str


class CacheImages(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /os-aggregates/{id}/images``."""

    cache: Annotated[list[CachedImage], Meta(min_length=1)]
