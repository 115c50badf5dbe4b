"""From a server to the wish that its host gets: disks by the flavor, ports as the network service says, metadata."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from kilonova_messages.wishes import GuestMetadata, GuestWish, ImageSource, PortWiring, WishedDisk

from kilonova_compute.actions.guest_layouts import layout_and_devices
from kilonova_compute.actions.image_sources import FORMATS, image_source
from kilonova_compute.actions.steps import Context, StepFailed
from kilonova_compute.external.network import Port
from kilonova_compute.model.servers import ImageSnapshot, Server


async def wish_for(context: Context, known_ports: Sequence[Port] | None = None) -> GuestWish:
    """The whole wish for the server's guest on its present host. Raises StepFailed, Unavailable.

    ``known_ports`` are the server's, where the action has just made them. What changes about them afterwards reaches
    the host by the reconciler of wirings.
    """
    server = context.server
    network = context.services.network
    found = await network.ports_of(server) if known_ports is None else known_ports
    ports = await network.wirings(found, server.hostname)
    flavor, properties = server.flavor, server.image.properties if server.image else {}
    layout, devices = await layout_and_devices(context)
    return GuestWish(
        guest_id=server.id,
        name=server.name,
        vcpus=flavor.vcpus,
        memory_mib=flavor.ram,
        disks=_disks(context),
        ports=_in_order(ports, server),
        metadata=metadata_of(server),
        config_drive=server.config_drive,
        nic_model=properties.get("hw_vif_model", "virtio").lower(),
        machine=properties.get("hw_machine_type", "").lower(),
        layout=layout,
        devices=devices,
        properties={**flavor.extra_specs, **properties},
    )


def _in_order(ports: tuple[PortWiring, ...], server: Server) -> tuple[PortWiring, ...]:
    """The ports in the order that the server shows its addresses in: the first one is eth0."""
    order = {address.port_id: place for place, address in reversed(list(enumerate(server.addresses)))}
    return tuple(sorted(ports, key=lambda port: order.get(port.port_id, len(order))))


def _disks(context: Context) -> tuple[WishedDisk, ...]:
    server = context.server
    flavor = server.flavor
    source = _source(context, server.image) if server.image else None
    bus = server.image.properties.get("hw_disk_bus", "virtio").lower() if server.image else "virtio"
    disks = [WishedDisk(name="root", size_gib=flavor.disk, image=source, bus=bus, boot_index=0)]
    if flavor.ephemeral:
        disks.append(WishedDisk(name="ephemeral0", size_gib=flavor.ephemeral, bus=bus))
    if flavor.swap:
        disks.append(WishedDisk(name="swap", size_mib=flavor.swap, bus=bus))
    return tuple(disks)


def _source(context: Context, image: ImageSnapshot) -> ImageSource:
    if image.disk_format not in FORMATS:
        raise StepFailed("invalid_spec", f"image {image.image_id} has the format {image.disk_format}: use raw or qcow2")
    return image_source(image, context.server.host_id or "", context.services.image_ticket)


def metadata_of(server: Server) -> GuestMetadata:
    """What the guest is told of itself."""
    image = server.image
    return GuestMetadata(
        server_id=server.id,
        name=server.name,
        hostname=server.hostname,
        project_id=server.project_id,
        user_id=server.user_id,
        availability_zone=server.availability_zone or "nova",
        launch_index=server.launch_index,
        public_keys={server.key_name: server.public_key} if server.key_name and server.public_key else {},
        meta=server.metadata,
        admin_password=server.admin_password,
        user_data=base64.b64decode(server.user_data) if server.user_data else b"",
        instance_type=server.flavor.name,
        image_id=image.image_id if image else "",
        kernel_id=image.properties.get("kernel_id", "") if image else "",
        ramdisk_id=image.properties.get("ramdisk_id", "") if image else "",
        reservation_id=server.reservation_id,
        security_groups=server.security_groups,
        tags=server.tags,
    )
