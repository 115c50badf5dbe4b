"""The body of ``POST /servers`` (nova, api/openstack/compute/schemas/servers.py, ``create``)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from kilonova_kit.http.versioned import since, until
from msgspec import UNSET, Meta, UnsetType

from kilonova_compute.api.types.values import Certificates, Description, Flag, Hostname, Name, Tag, UserData


class WishedNetwork(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network or a port. ``tag`` was not there between 2.37 and 2.41."""

    uuid: str | UnsetType = UNSET
    port: str | None = None
    fixed_ip: str | UnsetType = UNSET
    tag: Annotated[Tag | UnsetType, since(2, 32)] = UNSET


class WishedGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A security group, by name or id."""

    name: Name | UnsetType = UNSET


class PersonalityFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that would be injected; no host here does so, as the real API without injection."""

    path: str = ""
    contents: str = ""


class OldBlockDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first syntax of block devices."""

    virtual_name: Annotated[str, Meta(max_length=255)] | None = None
    volume_id: str | None = None
    snapshot_id: str | None = None
    volume_size: int | str | None = None
    device_name: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9._/-]*$(?!\n)")] | None = None
    delete_on_termination: Flag = False
    no_device: Any = None
    connection_info: str | None = None


class BlockDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block device. Here only the image as the local root disk is understood."""

    source_type: Literal["volume", "image", "snapshot", "blank"] | UnsetType = UNSET
    destination_type: Literal["local", "volume"] | UnsetType = UNSET
    uuid: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9._-]*$(?!\n)")] | UnsetType = UNSET
    image_id: str | UnsetType = UNSET
    boot_index: int | str | None = None
    guest_format: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    device_type: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    disk_bus: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    virtual_name: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    volume_id: str | UnsetType = UNSET
    snapshot_id: str | UnsetType = UNSET
    volume_size: int | str | UnsetType = UNSET
    device_name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    delete_on_termination: Flag = False
    no_device: Any = None
    connection_info: str | UnsetType = UNSET
    tag: Annotated[Tag | UnsetType, since(2, 32)] = UNSET
    volume_type: Annotated[Annotated[str, Meta(max_length=255)] | UnsetType | None, since(2, 67)] = UNSET


class WishedServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the new server is to be."""

    name: Name
    flavor_ref: str | int = msgspec.field(name="flavorRef")
    image_ref: str | UnsetType = msgspec.field(name="imageRef", default=UNSET)
    networks: list[WishedNetwork] | str | UnsetType = UNSET
    admin_pass: str | UnsetType = msgspec.field(name="adminPass", default=UNSET)
    metadata: dict[str, Any] = {}
    disk_config: Literal["AUTO", "MANUAL"] = msgspec.field(name="OS-DCF:diskConfig", default="MANUAL")
    access_ipv4: str | UnsetType = msgspec.field(name="accessIPv4", default=UNSET)
    access_ipv6: str | UnsetType = msgspec.field(name="accessIPv6", default=UNSET)
    personality: Annotated[list[PersonalityFile], until(2, 57)] = []
    availability_zone: Name | UnsetType = UNSET
    block_device_mapping: list[OldBlockDevice] = []
    block_device_mapping_v2: list[BlockDevice] = []
    config_drive: Flag = False
    key_name: Name | UnsetType = UNSET
    min_count: int | str = 1
    max_count: int | str | UnsetType = UNSET
    return_reservation_id: Flag = False
    security_groups: list[WishedGroup] | UnsetType = UNSET
    user_data: UserData | UnsetType = UNSET
    description: Annotated[Description | None, since(2, 19)] = None
    tags: Annotated[Annotated[list[Tag], Meta(max_length=50)], since(2, 52)] = []
    trusted_image_certificates: Annotated[Certificates | None, since(2, 63)] = None
    host: Annotated[Hostname | UnsetType, since(2, 74)] = UNSET
    hypervisor_hostname: Annotated[Hostname | UnsetType, since(2, 74)] = UNSET
    hostname: Annotated[Hostname | UnsetType, since(2, 90)] = UNSET


class CreateServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole body; the scheduler's hints stand beside the server, under either name."""

    server: WishedServer
    hints: dict[str, Any] | UnsetType = msgspec.field(name="os:scheduler_hints", default=UNSET)
    old_hints: dict[str, Any] | UnsetType = msgspec.field(name="OS-SCH-HNT:scheduler_hints", default=UNSET)


class CreatedServer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered at once."""

    id: str
    links: list[dict[str, str]]
    admin_pass: str = msgspec.field(name="adminPass")
    disk_config: str = msgspec.field(name="OS-DCF:diskConfig")
    security_groups: list[dict[str, str]]


class CreatedServerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"server": ...}``."""

    server: CreatedServer
