"""From a wish to the spec that a driver gets: images as cached files, ports as taps, metadata as a config drive."""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_driver.types.guests import BaseImage, ConfigDrive, Disk, DiskFormat, GuestSpec, KernelBoot, Nic
from kilonova_messages.wishes import GuestWish, ImageSource, WishedDisk

from kilonova_agent.images import CachedImage
from kilonova_agent.steps.wiring import wire
from kilonova_agent.steps.work import Host, Work

Images = Mapping[str, CachedImage]


async def prepare(host: Host, work: Work, wish: GuestWish) -> GuestSpec:
    """Fetch, wire and write what the guest needs on this host. StepFailure, OSError."""
    with work.phase("images"):
        images = {source.image_id: await _image(host, work, source) for source in _sources(wish)}
    with work.phase("network"):
        taps = await wire(host.network, wish.guest_id, wish.ports)
    drive = None
    if wish.config_drive:
        with work.phase("config_drive"):
            drive = await _config_drive(host, wish)
    return host.resources.lay_out(guest_spec(wish, images, taps, drive), wish)


async def _image(host: Host, work: Work, source: ImageSource) -> CachedImage:
    if not host.capabilities.needs_images:
        return host.images.expected(source)
    return await host.images.ensure(source, work.tell)


async def _config_drive(host: Host, wish: GuestWish) -> ConfigDrive:
    if not host.capabilities.needs_images:  # such a driver reads no files at all
        return ConfigDrive(path=str(host.drives.path(wish.guest_id)))
    return ConfigDrive(path=str(await host.drives.ensure(wish)))


def _sources(wish: GuestWish) -> list[ImageSource]:
    found = [disk.image for disk in wish.disks] + [wish.kernel, wish.ramdisk]
    return [source for source in found if source is not None]


def guest_spec(wish: GuestWish, images: Images, taps: Mapping[str, str], config_drive: ConfigDrive | None) -> GuestSpec:
    return GuestSpec(
        guest_id=wish.guest_id,
        name=wish.name,
        vcpus=wish.vcpus,
        memory_mib=wish.memory_mib,
        disks=tuple(_disk(disk, images) for disk in wish.disks),
        nics=tuple(
            Nic(port_id=port.port_id, mac=port.mac, tap=taps[port.port_id], mtu=port.mtu, model=wish.nic_model)
            for port in wish.ports
        ),
        config_drive=config_drive,
        kernel=_kernel(wish, images),
        firmware=wish.firmware,
        machine=wish.machine,
        cpu_model=wish.cpu_model,
        required_features=wish.required_features,
        properties=wish.properties,
    )


def _disk(disk: WishedDisk, images: Images) -> Disk:
    return Disk(
        name=disk.name,
        size_gib=disk.size_gib,
        size_mib=disk.size_mib,
        base=None if disk.image is None else _base(disk.image, images[disk.image.image_id]),
        bus=disk.bus,
        boot_index=disk.boot_index,
    )


def _base(source: ImageSource, image: CachedImage) -> BaseImage:
    return BaseImage(
        path=str(image.path),
        format=DiskFormat(source.format),
        digest=source.digest,
        virtual_size_bytes=image.virtual_size,
    )


def _kernel(wish: GuestWish, images: Images) -> KernelBoot | None:
    if wish.kernel is None:
        return None
    return KernelBoot(
        kernel_path=str(images[wish.kernel.image_id].path),
        ramdisk_path=str(images[wish.ramdisk.image_id].path) if wish.ramdisk else "",
        command_line=wish.kernel_command_line,
    )
