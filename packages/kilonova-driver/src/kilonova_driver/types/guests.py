"""A guest as it is wished for (GuestSpec) and as it is (Guest).

Sizes are in MiB (memory) and GiB (disks) as in the compute API's flavors; times are seconds since the epoch (UTC).
Everything a driver needs is in the spec: it never calls the controller, a database or another service.
"""

from __future__ import annotations

import enum

import msgspec


class Power(enum.StrEnum):
    """The power state of a guest, as a driver sees it."""

    ON = "on"
    OFF = "off"
    PAUSED = "paused"
    CRASHED = "crashed"


class DiskFormat(enum.StrEnum):
    """The format of an image's bytes, found by inspection, never by name."""

    RAW = "raw"
    QCOW2 = "qcow2"


class BaseImage(msgspec.Struct, frozen=True, kw_only=True):
    """A verified, read-only file in the host's image cache that a disk may be laid over."""

    path: str
    format: DiskFormat
    #: The hexadecimal SHA-512 (or SHA-256) of the file's bytes, as the image service publishes it.
    digest: str
    virtual_size_bytes: int


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """A local disk. ``base`` None means a blank one. ``size_gib`` 0 means as large as its base."""

    name: str  # "root", "ephemeral0", "swap": unique within the guest
    size_gib: int = 0
    size_mib: int = 0  # for swap; used when size_gib is 0 and this is not
    base: BaseImage | None = None
    bus: str = "virtio"
    boot_index: int | None = None


class ConfigDrive(msgspec.Struct, frozen=True, kw_only=True):
    """A small read-only ISO 9660 file, label ``config-2``, that the agent wrote; shown to the guest as a disk."""

    path: str


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface whose host side (a tap device) the agent has already made and wired."""

    port_id: str
    mac: str
    tap: str  # the name of the tap device, in the namespace where the driver's launcher puts the guest
    mtu: int = 1500
    model: str = "virtio"


class KernelBoot(msgspec.Struct, frozen=True, kw_only=True):
    """Direct kernel boot, where the image names a kernel and a ramdisk."""

    kernel_path: str
    ramdisk_path: str = ""
    command_line: str = ""


class CpuTopology(msgspec.Struct, frozen=True, kw_only=True):
    """How the guest sees its processors; ``sockets * cores * threads`` is the number of its vCPUs."""

    sockets: int = 1
    cores: int = 1
    threads: int = 1


class GuestCell(msgspec.Struct, frozen=True, kw_only=True):
    """A NUMA node of the guest: some of its vCPUs with some of its memory, backed by one node of the host.

    ``cpus`` are the guest's own numbers. ``page_size_kib`` 0 means ordinary pages. ``host_node`` is the kernel's number
    of the node, -1 where the host has no nodes to tell apart.
    """

    cpus: tuple[int, ...]
    memory_mib: int
    page_size_kib: int = 0
    host_node: int = -1


class CpuPin(msgspec.Struct, frozen=True, kw_only=True):
    """A vCPU that runs on these logical processors of the host only: on one of its own, or on the shared of a node."""

    cpu: int
    host_cpus: tuple[int, ...]


class HandedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A PCI device of the host that is the guest's own as long as the guest exists. ``address``: ``0000:3b:00.0``."""

    address: str
    resource_class: str = ""


class CpuLayout(msgspec.Struct, frozen=True, kw_only=True):
    """Where the guest's vCPUs and memory are. An empty one leaves all of it to the driver and the kernel.

    ``topology`` None: the driver's own. ``cells`` together hold every vCPU and all the memory, or there are none.
    ``pins`` name each vCPU at most once. ``emulator_cpus``: where what is not a vCPU runs (the driver's own threads);
    empty means anywhere that the guest may run.
    """

    topology: CpuTopology | None = None
    cells: tuple[GuestCell, ...] = ()
    pins: tuple[CpuPin, ...] = ()
    emulator_cpus: tuple[int, ...] = ()


class Feature(enum.StrEnum):
    """Names for ``required_features`` that the controller uses; a driver that honours one lists it as its own."""

    CPU_TOPOLOGY = "cpu_topology"  # layout.topology
    NUMA = "numa"  # layout.cells
    PINNING = "pinning"  # layout.pins, layout.emulator_cpus
    HUGE_PAGES = "huge_pages"  # page_size_kib of cells
    DEVICES = "devices"  # devices


class GuestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The whole wish for one guest; ``ensure_guest`` makes it true.

    ``properties`` are typed hints that came with the image, already validated (``hw_disk_bus`` and the like are not
    here: they are in the disks and nics); a driver ignores those it does not know unless they are listed in
    ``required_features``. ``layout`` and ``devices`` hold numbers and addresses of this host that the agent has chosen
    from what is free; whoever fills them lists the ``Feature`` that they need.
    """

    guest_id: str
    name: str
    vcpus: int
    memory_mib: int
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    config_drive: ConfigDrive | None = None
    kernel: KernelBoot | None = None
    firmware: str = "bios"
    machine: str = ""  # empty: the driver's default
    cpu_model: str = ""  # empty: the driver's default
    serial_console: bool = True
    layout: CpuLayout = CpuLayout()
    devices: tuple[HandedDevice, ...] = ()
    required_features: tuple[str, ...] = ()
    properties: dict[str, str] = {}


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """A guest as it is now. ``handle`` is opaque to everyone but the driver that made it, at most 64 KiB."""

    guest_id: str
    generation: int
    power: Power
    handle: bytes = b""
    #: Why the guest is not as wished (a crash, a process that died at start); empty when all is well.
    reason: str = ""
    #: When it was last started or rebooted; later with each start, never None while it runs.
    started_at: float | None = None


class GuestEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a guest without being ordered, or the end of something ordered."""

    guest_id: str
    power: Power
    at: float
    reason: str = ""


class NicCounters(msgspec.Struct, frozen=True, kw_only=True):
    """What went through one network interface since the guest started."""

    mac: str
    rx_octets: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_drop: int = 0
    tx_octets: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_drop: int = 0


class DiskCounters(msgspec.Struct, frozen=True, kw_only=True):
    """What went through one disk since the guest started."""

    name: str
    read_bytes: int = 0
    read_requests: int = 0
    write_bytes: int = 0
    write_requests: int = 0
    errors_count: int = 0


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """The typed diagnostics of one guest (the shape follows compute API 2.48)."""

    power: Power
    driver: str
    hypervisor: str
    uptime_seconds: int
    vcpus: int
    memory_maximum_mib: int
    memory_used_mib: int
    cpu_time_ns: tuple[int, ...] = ()
    nics: tuple[NicCounters, ...] = ()
    disks: tuple[DiskCounters, ...] = ()
    config_drive: bool = False
