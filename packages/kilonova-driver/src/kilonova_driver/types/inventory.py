"""What a host has: divisible pools, discrete devices, traits; and how it is built inside: nodes, PCI devices, parts.

Names of resource classes and traits are those of os-resource-classes and os-traits. A driver tells what there is; what
of it guests get is the operator's word, and the agent makes the host's tree of both (``parts``; docs/decisions/0011).
Newer fields have defaults, so an inventory of an older driver still reads; ``version`` says which ones its driver knew.
"""

from __future__ import annotations

import msgspec

#: 1: pools, devices, traits, cpu. 2: nodes, pci_devices and parts as well.
INVENTORY_VERSION = 2


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A divisible resource: VCPU, MEMORY_MB, DISK_GB."""

    resource_class: str
    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = 0  # 0: as much as there is
    step_size: int = 1
    allocation_ratio: float = 1.0


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """Identical discrete things, counted."""

    resource_class: str
    count: int
    attributes: dict[str, str] = {}


class HugePages(msgspec.Struct, frozen=True, kw_only=True):
    """Pages of one size that a node's kernel has set aside; ``total`` counts pages, free or not."""

    size_kib: int
    total: int


class NumaNode(msgspec.Struct, frozen=True, kw_only=True):
    """A NUMA node: ``number`` as the kernel counts, and what is near to it.

    ``cores`` are its logical processors by core: each inner tuple holds the threads of one core, in the kernel's
    numbers. ``memory_mib`` is all of its memory, ``huge_pages`` included. ``socket`` -1: the machine does not say.
    """

    number: int
    socket: int = -1
    cores: tuple[tuple[int, ...], ...] = ()
    memory_mib: int = 0
    huge_pages: tuple[HugePages, ...] = ()

    @property
    def cpus(self) -> tuple[int, ...]:
        """Every logical processor of the node, sorted."""
        return tuple(sorted(cpu for core in self.cores for cpu in core))

    @property
    def huge_pages_mib(self) -> int:
        """How much of the memory is set aside as huge pages."""
        return sum(pages.size_kib * pages.total for pages in self.huge_pages) // 1024


class PciDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One PCI function. ``address`` is ``0000:3b:00.0``; ids and the class code are hexadecimal, in lower case.

    Only devices that a guest could have are told. ``numa_node`` is -1 where the machine does not say. ``group`` names
    what can only be handed over together (the IOMMU group); empty where nothing is tied to the device. ``parent`` is
    the address of the physical function that a virtual one is of.
    """

    address: str
    vendor_id: str
    product_id: str
    class_code: str = ""
    numa_node: int = -1
    group: str = ""
    parent: str = ""
    attributes: dict[str, str] = {}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A named part of the host with something of its own to give: a node, devices of one kind, a whole machine.

    ``name`` is unique in the host; ``parent`` is another part's name, or empty for a part of the host itself.
    """

    name: str
    parent: str = ""
    pools: tuple[Pool, ...] = ()
    devices: tuple[Device, ...] = ()
    traits: tuple[str, ...] = ()


class Cpu(msgspec.Struct, frozen=True, kw_only=True):
    """The host's processor, as the hypervisors API shows it."""

    arch: str = "x86_64"
    model: str = ""
    vendor: str = ""
    features: tuple[str, ...] = ()
    sockets: int = 1
    cores: int = 1
    threads: int = 1


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a driver can give to guests on this host."""

    pools: tuple[Pool, ...]
    devices: tuple[Device, ...] = ()
    traits: tuple[str, ...] = ()
    cpu: Cpu = Cpu()
    hypervisor_type: str = ""
    hypervisor_version: int = 0  # as the compute API shows it: major * 1000000 + minor * 1000 + micro
    nodes: tuple[NumaNode, ...] = ()
    pci_devices: tuple[PciDevice, ...] = ()
    parts: tuple[Part, ...] = ()
    version: int = 1


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Who the driver is and what it can do beyond its duty."""

    name: str
    version: str
    contract: tuple[int, int]
    talents: frozenset[str] = frozenset()
    disk_formats: frozenset[str] = frozenset({"raw", "qcow2"})
    #: Features that a GuestSpec may list in ``required_features``.
    features: frozenset[str] = frozenset()
    #: False for a driver whose guests have no network interfaces on this host (they are only simulated).
    needs_host_network: bool = True
    #: False for a driver that does not read the image's bytes.
    needs_images: bool = True
