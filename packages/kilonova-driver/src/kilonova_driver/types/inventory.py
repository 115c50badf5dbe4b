"""What a host has: divisible pools, discrete devices, traits.

Names of resource classes and traits are those of os-resource-classes and os-traits.
"""

from __future__ import annotations

import msgspec


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
