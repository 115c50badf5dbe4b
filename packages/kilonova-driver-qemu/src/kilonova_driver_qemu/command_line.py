"""The QEMU command line of a guest, made of its spec alone: nothing here opens, starts or looks at anything.

QEMU gets every file as an open descriptor (``-add-fd`` and ``/dev/fdset/N``, the sockets by ``fd=``). So the process
needs no right to any path, runs as nobody in particular, can write only what was opened for writing, and can never
write a base image. The graph of block nodes is written out in full, backing node included: no name stored in an
image file is ever followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from kilonova_driver.errors import InvalidSpec, Unsupported
from kilonova_driver.layouts import check_layout
from kilonova_driver.types.guests import Disk, DiskFormat, GuestSpec, Nic

from kilonova_driver_qemu.layout import check_disk_name, check_guest_id, firmware_uuid
from kilonova_driver_qemu.topology import handed_devices, has_siblings, processors_and_memory

NIC_MODELS = {
    "virtio": "virtio-net-pci",
    "e1000": "e1000",
    "e1000e": "e1000e",
    "rtl8139": "rtl8139",
    "vmxnet3": "vmxnet3",
}
DISK_BUSES = ("virtio", "scsi", "ide")
MACHINES = ("pc", "q35")
#: CPU models of the compute API that mean "the best the accelerator gives".
BEST_CPU = ("", "host", "host-model", "host-passthrough", "max")
MAX_DISKS = 16
MAX_NICS = 12
#: A network interface's name has at most 15 bytes.
_TAP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
#: Nothing that could begin another option of ``-machine``.
_MACHINE = re.compile(r"[A-Za-z0-9._-]*")
#: Nothing that could add a feature: ``-cpu`` takes a doubled comma for a single one.
_MODEL = re.compile(r"[A-Za-z0-9._-]*")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


class DiskDescriptors(msgspec.Struct, frozen=True, kw_only=True):
    """The open files of one disk: its own qcow2 for writing, its base for reading."""

    overlay: int
    base: int | None = None


class Descriptors(msgspec.Struct, frozen=True, kw_only=True):
    """Every open file a process is started with."""

    monitor: int
    operator: int
    serial: int
    console: int
    disks: tuple[DiskDescriptors, ...] = ()
    config_drive: int | None = None
    kernel: int | None = None
    ramdisk: int | None = None
    #: Numbers that are still free: the taps are opened under them, in their network namespace.
    taps: tuple[int, ...] = ()


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What the host decides for all its guests."""

    qemu: str
    accelerator: str  # "kvm" or "tcg"
    machine: str = "pc"
    cpu_model: str = ""
    tcg_buffer_mib: int = 32
    sandbox: bool = True
    #: Enters the network namespace; nothing if guests live in ours.
    launcher: tuple[str, ...] = ()
    #: Opens the taps, once there.
    tap_opener: tuple[str, ...] = ()
    #: Lets a guest with devices lock its memory: they write into it at any time.
    memory_locker: tuple[str, ...] = ()
    #: Who guests run as; None for whoever the driver is.
    run_as: tuple[int, int] | None = None
    #: Gives up all rights, when the taps are open.
    rights_dropper: tuple[str, ...] = ()


def check_spec(spec: GuestSpec, features: frozenset[str]) -> None:
    """Refuse what no command line can express. Raises InvalidSpec, Unsupported."""
    check_guest_id(spec.guest_id)
    missing = sorted(set(spec.required_features) - features)
    if missing:
        raise Unsupported(f"the qemu driver lacks the required features {', '.join(missing)}")
    if spec.vcpus < 1 or spec.memory_mib < 1:
        raise InvalidSpec(f"a guest needs a CPU and memory, not {spec.vcpus} and {spec.memory_mib} MiB")
    if spec.firmware != "bios":
        raise Unsupported(f"firmware {spec.firmware!r} is not supported, only 'bios'")
    if _machine_family(spec.machine) not in ("", *MACHINES) or not _MACHINE.fullmatch(spec.machine):
        raise InvalidSpec(f"machine {spec.machine!r} is neither pc nor q35")
    if not _MODEL.fullmatch(spec.cpu_model):
        raise InvalidSpec(f"{spec.cpu_model!r} is no name of a processor model")
    _check_disks(spec)
    _check_nics(spec)
    check_layout(spec)


def _machine_family(machine: str) -> str:
    return machine.removeprefix("pc-").partition("-")[0].replace("i440fx", "pc") if machine else ""


def _check_disks(spec: GuestSpec) -> None:
    names = [disk.name for disk in spec.disks]
    if len(set(names)) != len(names):
        raise InvalidSpec(f"two disks have the same name: {', '.join(names)}")
    if len(names) > MAX_DISKS:
        raise InvalidSpec(f"{len(names)} disks are more than {MAX_DISKS}")
    for disk in spec.disks:
        check_disk_name(disk.name)
        if disk.bus not in DISK_BUSES:
            raise InvalidSpec(f"disk {disk.name}: bus {disk.bus!r} is none of {', '.join(DISK_BUSES)}")


def _check_nics(spec: GuestSpec) -> None:
    if len(spec.nics) > MAX_NICS:
        raise InvalidSpec(f"{len(spec.nics)} network interfaces are more than {MAX_NICS}")
    for nic in spec.nics:
        if not _TAP.fullmatch(nic.tap) or not _MAC.fullmatch(nic.mac):
            raise InvalidSpec(f"port {nic.port_id}: tap {nic.tap!r} or MAC {nic.mac!r} is not well formed")
        if nic.model not in NIC_MODELS:
            raise InvalidSpec(f"port {nic.port_id}: model {nic.model!r} is none of {', '.join(NIC_MODELS)}")


def command_line(spec: GuestSpec, host: Host, files: Descriptors) -> list[str]:
    """Write the whole command line, launcher first. The spec has passed ``check_spec``."""
    return [
        # The namespace of the taps need not exist while no guest of the host has one.
        *(host.launcher if spec.nics else ()),
        *_tap_opener(spec, host, files),
        *(host.memory_locker if spec.devices else ()),
        *host.rights_dropper,
        host.qemu,
        *_process(spec, host),
        *_machine(spec, host),
        *_channels(spec, files),
        *_boot(spec, files),
        *_disks(spec, files),
        *_config_drive(files),
        *_nics(spec, files),
        *handed_devices(spec),
    ]


def _tap_opener(spec: GuestSpec, host: Host, files: Descriptors) -> Iterator[str]:
    if spec.nics:
        yield from host.tap_opener
        yield from (f"{number}:{nic.tap}" for number, nic in zip(files.taps, spec.nics, strict=True))
        yield "--"


def _escaped(text: str) -> str:
    """Double the commas: QEMU's option parser ends a value at a single one."""
    return text.replace(",", ",,")


def _process(spec: GuestSpec, host: Host) -> Iterator[str]:
    yield from ("-name", f"guest={_escaped(spec.guest_id)},debug-threads=on")
    yield from ("-no-user-config", "-nodefaults", "-display", "none")
    # A guest that powers itself off leaves its process in the state "shutdown": even a driver that was away then
    # learns that it was the guest's own wish, and not a crash.
    yield "-no-shutdown"
    if host.sandbox:
        yield from ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")


def _machine(spec: GuestSpec, host: Host) -> Iterator[str]:
    identity = firmware_uuid(spec.guest_id)
    yield from ("-machine", f"{spec.machine or host.machine},usb=off,dump-guest-core=off")
    yield from ("-accel", host.accelerator if host.accelerator != "tcg" else f"tcg,tb-size={host.tcg_buffer_mib}")
    yield from ("-cpu", cpu_model(spec.cpu_model or host.cpu_model, host.accelerator, siblings=has_siblings(spec)))
    yield from processors_and_memory(spec)
    yield from ("-uuid", identity)
    product = "manufacturer=OpenStack Foundation,product=OpenStack Compute,family=Virtual Machine"
    yield from ("-smbios", f"type=1,{product},serial={identity},uuid={identity}")
    yield from ("-rtc", "base=utc,driftfix=slew" if host.accelerator == "kvm" else "base=utc")


def cpu_model(wished: str, accelerator: str, *, siblings: bool = False) -> str:
    """Choose the ``-cpu`` value: the best one unless a model is named; an operator may name its features as well.

    The emulated processor is one of AMD's, which shows threads only with a feature that emulation lacks: for a guest
    whose cores have several it is called Intel's.
    """
    if wished not in BEST_CPU:
        return wished
    if accelerator == "kvm":
        return "host"
    return "max,vendor=GenuineIntel" if siblings else "max"


def _channels(spec: GuestSpec, files: Descriptors) -> Iterator[str]:
    for name, descriptor in (("monitor", files.monitor), ("operator", files.operator)):
        yield from ("-chardev", f"socket,id={name},fd={descriptor},server=on,wait=off")
        yield from ("-mon", f"chardev={name},mode=control")
    if spec.serial_console:
        yield from ("-add-fd", f"fd={files.console},set={files.console},opaque=console")
        log = f"logfile=/dev/fdset/{files.console},logappend=on"
        yield from ("-chardev", f"socket,id=serial0,fd={files.serial},server=on,wait=off,{log}")
        yield from ("-device", "isa-serial,chardev=serial0")
    yield from ("-object", "rng-builtin,id=rng0", "-device", "virtio-rng-pci,rng=rng0")
    yield from ("-device", "virtio-balloon-pci,id=balloon0,deflate-on-oom=on,free-page-reporting=on")


def _boot(spec: GuestSpec, files: Descriptors) -> Iterator[str]:
    yield from ("-boot", "menu=off,strict=on")
    if files.kernel is None or spec.kernel is None:
        return
    yield from ("-kernel", f"/proc/self/fd/{files.kernel}")
    if files.ramdisk is not None:
        yield from ("-initrd", f"/proc/self/fd/{files.ramdisk}")
    if spec.kernel.command_line:
        yield from ("-append", spec.kernel.command_line)


def _disks(spec: GuestSpec, files: Descriptors) -> Iterator[str]:
    if any(disk.bus == "scsi" for disk in spec.disks):
        yield from ("-device", "virtio-scsi-pci,id=scsi0")
    first_boot = next((disk.name for disk in spec.disks if disk.boot_index is not None), None)
    for place, (disk, descriptors) in enumerate(zip(spec.disks, files.disks, strict=True)):
        yield from _nodes(disk, descriptors)
        boot_index = disk.boot_index
        if first_boot is None and place == 0:
            boot_index = 0
        yield from ("-device", disk_device(disk, boot_index))


def _nodes(disk: Disk, descriptors: DiskDescriptors) -> Iterator[str]:
    backing: dict[str, Any] = {}
    if disk.base is not None and descriptors.base is not None:
        base: dict[str, Any] = {
            "node-name": f"{disk.name}-base",
            "driver": str(disk.base.format),
            "file": f"{disk.name}-base-file",
        }
        if disk.base.format is DiskFormat.QCOW2:
            base["backing"] = None
        yield from _file_node(f"{disk.name}-base-file", descriptors.base, read_only=True)
        yield from ("-blockdev", json.dumps({**base, "read-only": True}))
        backing = {"backing": f"{disk.name}-base"}
    yield from _file_node(f"{disk.name}-file", descriptors.overlay, read_only=False)
    node = {"node-name": disk.name, "driver": "qcow2", "file": f"{disk.name}-file", "discard": "unmap", **backing}
    yield from ("-blockdev", json.dumps(node))


def _file_node(name: str, descriptor: int, *, read_only: bool) -> Iterator[str]:
    yield from ("-add-fd", f"fd={descriptor},set={descriptor},opaque={name}")
    node = {"node-name": name, "driver": "file", "filename": f"/dev/fdset/{descriptor}", "read-only": read_only}
    yield from ("-blockdev", json.dumps(node if read_only else {**node, "discard": "unmap"}))


def disk_device(disk: Disk, boot_index: int | None) -> str:
    """Write the ``-device`` value of a disk; the guest sees the disk's name as its serial number."""
    kinds = {"virtio": "virtio-blk-pci", "scsi": "scsi-hd,bus=scsi0.0", "ide": "ide-hd"}
    boot = "" if boot_index is None else f",bootindex={boot_index + 1}"
    return f"{kinds[disk.bus]},id=disk-{disk.name},drive={disk.name},serial={disk.name[:20]}{boot}"


def _config_drive(files: Descriptors) -> Iterator[str]:
    if files.config_drive is None:
        return
    yield from _file_node("config-drive-file", files.config_drive, read_only=True)
    node = {"node-name": "config-drive", "driver": "raw", "file": "config-drive-file", "read-only": True}
    yield from ("-blockdev", json.dumps(node))
    yield from ("-device", "ide-cd,id=disk-config-drive,drive=config-drive,serial=config-drive")


def _nics(spec: GuestSpec, files: Descriptors) -> Iterator[str]:
    for number, (nic, tap) in enumerate(zip(spec.nics, files.taps, strict=True)):
        yield from ("-netdev", f"tap,id=net{number},fd={tap}")
        yield from ("-device", nic_device(nic, number))


def nic_device(nic: Nic, number: int) -> str:
    """Write the ``-device`` value of a network interface; no option ROM, which only slows the start."""
    mtu = f",host_mtu={nic.mtu}" if nic.model == "virtio" and nic.mtu != 1500 else ""
    return f"{NIC_MODELS[nic.model]},id=nic{number},netdev=net{number},mac={nic.mac},romfile={mtu}"
