"""From a ``Server`` to what the API shows: built straight, without a call to anybody, so that long lists are quick.

What the caller may see is decided once per request (``Sight``), not once per server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kilonova_kit.clock import iso_micros, iso_seconds
from kilonova_kit.http.operations import Call
from msgspec import UNSET, UnsetType

from kilonova_compute.api import policies
from kilonova_compute.api.types.servers import (
    AddressView,
    BriefServer,
    FaultView,
    FlavorView,
    ImageView,
    Link,
    ServerView,
    UnreachableView,
)
from kilonova_compute.api.versions import FLAVOR_EMBEDDED, HOSTNAME
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.servers import Address, Fault, FlavorSnapshot, ImageSnapshot, Server, VmState, status_of

_PROPERTY_PREFIXES = (
    "hw_",
    "img_",
    "os_",
    "traits_",
    "architecture",
    "auto_disk_config",
    "hypervisor_",
    "instance_uuid",
)
_WITH_PROGRESS = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one caller sees of servers. ``host_status`` is None for whoever may not know it."""

    own: str  # http://cloud/compute/v2.1
    bookmark: str  # http://cloud/compute
    embedded_flavor: bool
    extra_specs: bool
    extended: bool
    hostname: bool
    is_admin: bool
    host_status: Callable[[Server], str | UnsetType]

    def links(self, collection: str, identifier: str) -> list[Link]:
        return [
            {"rel": "self", "href": f"{self.own}/{collection}/{identifier}"},
            {"rel": "bookmark", "href": f"{self.bookmark}/{collection}/{identifier}"},
        ]


def sight_of(call: Call[Compute, Any, Any]) -> Sight:
    """Decide what the caller sees."""
    return Sight(
        own=call.base_url,
        bookmark=call.base_url.rsplit("/", 1)[0],
        embedded_flavor=call.version >= FLAVOR_EMBEDDED,
        extra_specs=call.may(policies.EXTRA_SPECS),
        extended=call.may(policies.EXTENDED_ATTRIBUTES),
        hostname=call.version >= HOSTNAME or call.may(policies.EXTENDED_ATTRIBUTES),
        is_admin=call.identity.is_admin,
        host_status=_host_status(call),
    )


def _host_status(call: Call[Compute, Any, Any]) -> Callable[[Server], str | UnsetType]:
    hosts, now = call.app.hosts, call.app.clock()
    if call.may(policies.HOST_STATUS):
        return lambda server: host_status_of(server, hosts, now)
    if not call.may(policies.HOST_STATUS_UNKNOWN):
        return lambda server: UNSET
    return lambda server: "UNKNOWN" if host_status_of(server, hosts, now) == "UNKNOWN" else UNSET


def host_status_of(server: Server, hosts: Mapping[str, Host], now: float) -> str:
    """UP, DOWN (an operator said so), UNKNOWN (silent), MAINTENANCE (disabled), or empty without a host."""
    if server.host_id is None or (host := hosts.get(server.host_id)) is None:
        return "" if server.host_id is None else "UNKNOWN"
    if host.disabled:
        return "MAINTENANCE"
    if host.forced_down:
        return "DOWN"
    return "UP" if host.is_up(now) else "UNKNOWN"


@lru_cache(maxsize=4096)
def host_id_hash(project_id: str, host: str | None) -> str:
    """The host as its users may know it: the same for one project's servers on one host, and no name."""
    return hashlib.sha224((project_id + host).encode()).hexdigest() if host else ""


def brief(server: Server, sight: Sight) -> BriefServer:
    return BriefServer(id=server.id, name=server.name, links=sight.links("servers", server.id))


def detailed(server: Server, sight: Sight, *, groups: list[str] | UnsetType = UNSET) -> ServerView:
    """Everything that the caller may see; ``groups`` only where one server is shown."""
    status = status_of(server.vm_state, server.task_state)
    extended = sight.extended
    return ServerView(
        id=server.id,
        name=server.name,
        status=status,
        tenant_id=server.project_id,
        user_id=server.user_id,
        metadata=server.metadata,
        host_id_hash=host_id_hash(server.project_id, server.host),
        image=image_view(server.image, sight),
        flavor=flavor_view(server.flavor, sight),
        created=iso_seconds(server.created_at),
        updated=iso_seconds(server.updated_at),
        addresses=addresses_view(server),
        access_ipv4=server.access_ip_v4,
        access_ipv6=server.access_ip_v6,
        links=sight.links("servers", server.id),
        disk_config=server.disk_config,
        progress=server.progress if status in _WITH_PROGRESS else UNSET,
        fault=_fault_view(server.fault, sight) if server.fault and status in ("ERROR", "DELETED") else UNSET,
        zone=server.availability_zone or "",
        config_drive=server.config_drive_text,
        key_name=server.key_name,
        launched_at=_moment(server.launched_at),
        terminated_at=_moment(server.terminated_at),
        security_groups=[{"name": name} for name in server.security_groups] or UNSET,
        host=server.host if extended else UNSET,
        instance_name=f"instance-{server.id[:8]}" if extended else UNSET,
        hypervisor=server.node if extended else UNSET,
        hostname=server.hostname if sight.hostname else UNSET,
        kernel_id=_property(server, "kernel_id") if extended else UNSET,
        launch_index=server.launch_index if extended else UNSET,
        ramdisk_id=_property(server, "ramdisk_id") if extended else UNSET,
        reservation_id=server.reservation_id if extended else UNSET,
        root_device_name=server.root_device_name if extended else UNSET,
        user_data=server.user_data if extended else UNSET,
        task_state=server.task_state.value if server.task_state else None,
        vm_state=server.vm_state.value,
        power_state=server.power.value,
        volumes=[],
        locked=server.locked,
        host_status=sight.host_status(server),
        description=server.description,
        tags=list(server.tags),
        trusted_image_certificates=list(server.trusted_certs) if server.trusted_certs else None,
        server_groups=groups,
        locked_reason=server.locked_reason,
        pinned_zone=server.wanted_zone,
        scheduler_hints=server.scheduler_hints,
    )


def unreachable_brief(server: Server, sight: Sight) -> UnreachableView:
    return UnreachableView(id=server.id, links=sight.links("servers", server.id))


def unreachable_detailed(server: Server, sight: Sight) -> UnreachableView:
    return UnreachableView(
        id=server.id,
        links=sight.links("servers", server.id),
        tenant_id=server.project_id,
        created=iso_seconds(server.created_at),
    )


def unreachable_shown(server: Server, sight: Sight) -> UnreachableView:
    """One server of a cell that is down: what was asked for is known, how it stands is not."""
    return UnreachableView(
        id=server.id,
        links=sight.links("servers", server.id),
        tenant_id=server.project_id,
        created=iso_seconds(server.created_at),
        user_id=server.user_id,
        image=image_view(server.image, sight),
        flavor=flavor_view(server.flavor, sight),
        zone=server.wanted_zone or "UNKNOWN",
        power_state=0,
        server_groups=[],
    )


def image_view(image: ImageSnapshot | None, sight: Sight) -> ImageView | str:
    """The image with its bookmark; an empty text where there is none."""
    if image is None:
        return ""
    link = {"rel": "bookmark", "href": f"{sight.bookmark}/images/{image.image_id}"}
    return ImageView(id=image.image_id, links=[link], properties=_known_properties(image))


def _known_properties(image: ImageSnapshot) -> dict[str, str]:
    """The properties that mean something to a compute service; others are the owner's own."""
    return {name: value for name, value in image.properties.items() if name.startswith(_PROPERTY_PREFIXES)}


def flavor_view(flavor: FlavorSnapshot, sight: Sight) -> FlavorView:
    if not sight.embedded_flavor:
        link = {"rel": "bookmark", "href": f"{sight.bookmark}/flavors/{flavor.flavor_id}"}
        return FlavorView(id=flavor.flavor_id, links=[link])
    return FlavorView(
        vcpus=flavor.vcpus,
        ram=flavor.ram,
        disk=flavor.disk,
        ephemeral=flavor.ephemeral,
        swap=flavor.swap,
        original_name=flavor.name,
        extra_specs=flavor.extra_specs if sight.extra_specs else UNSET,
    )


def addresses_view(server: Server) -> dict[str, list[AddressView]]:
    """By network name; hidden while the server is being built."""
    found: dict[str, list[AddressView]] = {}
    if server.vm_state is VmState.BUILDING:
        return found
    for address in server.addresses:
        found.setdefault(address.network_name, []).append(
            AddressView(version=address.version, addr=address.ip_address, kind=address.kind, mac=address.mac)
        )
    return found


def plain_addresses(addresses: Sequence[Address]) -> dict[str, list[AddressView]]:
    """By network name, without kinds and MACs: what ``/ips`` shows."""
    found: dict[str, list[AddressView]] = {}
    for address in addresses:
        found.setdefault(address.network_name, []).append(AddressView(version=address.version, addr=address.ip_address))
    return found


def _fault_view(fault: Fault, sight: Sight) -> FaultView:
    shown = fault.details if fault.details and (sight.is_admin or fault.code != 500) else UNSET
    return FaultView(code=fault.code, created=iso_seconds(fault.created_at), message=fault.message, details=shown)


def _moment(moment: float | None) -> str | None:
    return None if moment is None else iso_micros(moment)


def _property(server: Server, name: str) -> str:
    return server.image.properties.get(name, "") if server.image else ""
