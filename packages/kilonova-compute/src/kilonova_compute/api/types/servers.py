"""Servers as the API shows them, in the newest shape; marks and ``changes/`` walk them down to older versions.

Fields that are UNSET are left out: what the caller's role does not let them see, or what the server does not have.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from kilonova_kit.http.versioned import since
from msgspec import UNSET, UnsetType

from kilonova_compute.api.types.values import Description, Hostname, Name

Link = dict[str, str]


class AddressView(msgspec.Struct, frozen=True, kw_only=True):
    """One address of a server."""

    version: int
    addr: str
    kind: str | UnsetType = msgspec.field(name="OS-EXT-IPS:type", default=UNSET)
    mac: str | UnsetType = msgspec.field(name="OS-EXT-IPS-MAC:mac_addr", default=UNSET)


class ImageView(msgspec.Struct, frozen=True, kw_only=True):
    """The image that a server was made from."""

    id: str
    links: list[Link]
    properties: Annotated[dict[str, str], since(2, 98)] = {}


class FlavorView(msgspec.Struct, frozen=True, kw_only=True):
    """From 2.47 on the flavor's own amounts, before that a link to it."""

    id: str | UnsetType = UNSET
    links: list[Link] | UnsetType = UNSET
    vcpus: int | UnsetType = UNSET
    ram: int | UnsetType = UNSET
    disk: int | UnsetType = UNSET
    ephemeral: int | UnsetType = UNSET
    swap: int | UnsetType = UNSET
    original_name: str | UnsetType = UNSET
    extra_specs: dict[str, str] | UnsetType = UNSET


class FaultView(msgspec.Struct, frozen=True, kw_only=True):
    """Why a server is in ERROR; ``details`` are for administrators."""

    code: int
    created: str
    message: str
    details: str | UnsetType = UNSET


class ServerView(msgspec.Struct, frozen=True, kw_only=True):
    """A server in detail."""

    id: str
    name: str
    status: str
    tenant_id: str
    user_id: str
    metadata: dict[str, str]
    host_id_hash: str = msgspec.field(name="hostId")
    image: ImageView | str
    flavor: FlavorView
    created: str
    updated: str
    addresses: dict[str, list[AddressView]]
    access_ipv4: str = msgspec.field(name="accessIPv4")
    access_ipv6: str = msgspec.field(name="accessIPv6")
    links: list[Link]
    disk_config: str = msgspec.field(name="OS-DCF:diskConfig")
    progress: int | UnsetType = UNSET
    fault: FaultView | UnsetType = UNSET
    zone: str | UnsetType = msgspec.field(name="OS-EXT-AZ:availability_zone", default=UNSET)
    config_drive: str | UnsetType = UNSET
    key_name: str | UnsetType | None = UNSET
    launched_at: str | UnsetType | None = msgspec.field(name="OS-SRV-USG:launched_at", default=UNSET)
    terminated_at: str | UnsetType | None = msgspec.field(name="OS-SRV-USG:terminated_at", default=UNSET)
    security_groups: list[dict[str, str]] | UnsetType = UNSET
    host: str | UnsetType | None = msgspec.field(name="OS-EXT-SRV-ATTR:host", default=UNSET)
    instance_name: str | UnsetType = msgspec.field(name="OS-EXT-SRV-ATTR:instance_name", default=UNSET)
    hypervisor: str | UnsetType | None = msgspec.field(name="OS-EXT-SRV-ATTR:hypervisor_hostname", default=UNSET)
    hostname: Annotated[str | UnsetType, since(2, 3)] = msgspec.field(name="OS-EXT-SRV-ATTR:hostname", default=UNSET)
    kernel_id: Annotated[str | UnsetType, since(2, 3)] = msgspec.field(name="OS-EXT-SRV-ATTR:kernel_id", default=UNSET)
    launch_index: Annotated[int | UnsetType, since(2, 3)] = msgspec.field(
        name="OS-EXT-SRV-ATTR:launch_index", default=UNSET
    )
    ramdisk_id: Annotated[str | UnsetType, since(2, 3)] = msgspec.field(
        name="OS-EXT-SRV-ATTR:ramdisk_id", default=UNSET
    )
    reservation_id: Annotated[str | UnsetType, since(2, 3)] = msgspec.field(
        name="OS-EXT-SRV-ATTR:reservation_id", default=UNSET
    )
    root_device_name: Annotated[str | UnsetType | None, since(2, 3)] = msgspec.field(
        name="OS-EXT-SRV-ATTR:root_device_name", default=UNSET
    )
    user_data: Annotated[str | UnsetType | None, since(2, 3)] = msgspec.field(
        name="OS-EXT-SRV-ATTR:user_data", default=UNSET
    )
    task_state: str | UnsetType | None = msgspec.field(name="OS-EXT-STS:task_state", default=UNSET)
    vm_state: str | UnsetType = msgspec.field(name="OS-EXT-STS:vm_state", default=UNSET)
    power_state: int | UnsetType = msgspec.field(name="OS-EXT-STS:power_state", default=UNSET)
    volumes: list[dict[str, Any]] | UnsetType = msgspec.field(
        name="os-extended-volumes:volumes_attached", default=UNSET
    )
    locked: Annotated[bool, since(2, 9)] = False
    host_status: Annotated[str | UnsetType, since(2, 16)] = UNSET
    description: Annotated[str | None, since(2, 19)] = None
    tags: Annotated[list[str], since(2, 26)] = []
    trusted_image_certificates: Annotated[list[str] | None, since(2, 63)] = None
    server_groups: Annotated[list[str] | UnsetType, since(2, 71)] = UNSET
    locked_reason: Annotated[str | None, since(2, 73)] = None
    pinned_zone: Annotated[str | UnsetType | None, since(2, 96)] = msgspec.field(
        name="pinned_availability_zone", default=UNSET
    )
    scheduler_hints: Annotated[dict[str, Any] | None, since(2, 100)] = None


class UnreachableView(msgspec.Struct, frozen=True, kw_only=True):
    """A server whose cell does not answer, from 2.69 on: only what the index knows for sure."""

    id: str
    links: list[Link]
    status: str = "UNKNOWN"
    tenant_id: str | UnsetType = UNSET
    created: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    image: ImageView | str | UnsetType = UNSET
    flavor: FlavorView | UnsetType = UNSET
    zone: str | UnsetType = msgspec.field(name="OS-EXT-AZ:availability_zone", default=UNSET)
    power_state: int | UnsetType = msgspec.field(name="OS-EXT-STS:power_state", default=UNSET)
    server_groups: Annotated[list[str] | UnsetType, since(2, 71)] = UNSET


class BriefServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server in a list without details."""

    id: str
    name: str
    links: list[Link]


class ServerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"server": ...}``."""

    server: ServerView


class UnreachableAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"server": ...}`` of a cell that is down."""

    server: UnreachableView


class ServerList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of servers in detail."""

    servers: list[ServerView]
    servers_links: list[Link] = []


class PartialServerList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page in which some servers are of cells that are down."""

    servers: list[Any]
    servers_links: list[Link] = []


class BriefServerList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of servers without details."""

    servers: list[BriefServer]
    servers_links: list[Link] = []


class ServerChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``PUT /servers/{id}`` may change."""

    name: Name | UnsetType = UNSET
    disk_config: Literal["AUTO", "MANUAL"] | UnsetType = msgspec.field(name="OS-DCF:diskConfig", default=UNSET)
    access_ipv4: str | UnsetType = msgspec.field(name="accessIPv4", default=UNSET)
    access_ipv6: str | UnsetType = msgspec.field(name="accessIPv6", default=UNSET)
    description: Annotated[Description | UnsetType | None, since(2, 19)] = UNSET
    hostname: Annotated[Hostname | UnsetType, since(2, 90)] = UNSET
    pinned_zone: Annotated[Name | UnsetType | None, since(2, 104)] = msgspec.field(
        name="pinned_availability_zone", default=UNSET
    )


class UpdateServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``PUT /servers/{id}``."""

    server: ServerChange
