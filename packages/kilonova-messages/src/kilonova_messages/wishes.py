"""What a host needs to know to make a server's guest: the wish, before taps and cached files exist.

The agent turns a ``GuestWish`` into the driver's ``GuestSpec``: it fetches images, wires ports, writes the config
drive.
"""

from __future__ import annotations

import msgspec
from kilonova_driver.types.guests import CpuTopology


class ImageSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where the bytes of an image come from and how to know they are right.

    ``path`` is below the controller's URL that the agent learnt when it joined; ``ticket`` opens just this image for
    this host for a short time. ``digest`` is hexadecimal; ``digest_algorithm`` is hashlib's name for it.
    """

    image_id: str
    path: str
    ticket: str
    size_bytes: int
    digest_algorithm: str
    digest: str
    format: str  # "raw" or "qcow2"
    virtual_size_bytes: int = 0


class WishedDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A local disk; ``image`` None means a blank one."""

    name: str
    size_gib: int = 0
    size_mib: int = 0
    image: ImageSource | None = None
    bus: str = "virtio"
    boot_index: int | None = None


class HostRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A static route that DHCP hands out."""

    destination: str
    nexthop: str


class WiredSubnet(msgspec.Struct, frozen=True, kw_only=True):
    """A subnet as a host needs it for DHCP, the gateway address and the metadata route."""

    subnet_id: str
    cidr: str
    ip_version: int = 4
    gateway_ip: str = ""
    enable_dhcp: bool = True
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()


class FixedIp(msgspec.Struct, frozen=True, kw_only=True):
    """An address of a port."""

    subnet_id: str
    ip_address: str


class FirewallRule(msgspec.Struct, frozen=True, kw_only=True):
    """A security group rule with remote groups already resolved to addresses. It only ever allows.

    ``protocol`` is empty for any, else a name or number; ports are 0 where they do not apply; for ICMP they are type
    and code (-1: any).
    """

    direction: str  # "ingress" or "egress"
    ethertype: str = "IPv4"
    protocol: str = ""
    port_min: int = -1
    port_max: int = -1
    remote_cidrs: tuple[str, ...] = ()  # empty: anywhere


class AddressPair(msgspec.Struct, frozen=True, kw_only=True):
    """A further source address a port may use."""

    ip_address: str
    mac_address: str


class PortWiring(msgspec.Struct, frozen=True, kw_only=True):
    """A port as a host must wire it. ``unrestricted`` means that port security is off."""

    port_id: str
    network_id: str
    mac: str
    mtu: int = 1500
    hostname: str = ""
    fixed_ips: tuple[FixedIp, ...] = ()
    subnets: tuple[WiredSubnet, ...] = ()
    rules: tuple[FirewallRule, ...] = ()
    allowed_pairs: tuple[AddressPair, ...] = ()
    unrestricted: bool = False
    admin_state_up: bool = True
    #: True where guests of this network may reach the world through the host (masquerade).
    outside: bool = True
    #: True where the machine itself may have a route to this network. Never for one whose ranges a tenant chose: those
    #: of a stranger's site would draw the machine's own connections, and other guests', into the tenant's guests.
    routed: bool = False


class GuestMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What the metadata service and the config drive show the guest (the agent makes the OpenStack and EC2 shapes)."""

    server_id: str
    name: str
    hostname: str
    project_id: str
    user_id: str = ""
    availability_zone: str = "nova"
    launch_index: int = 0
    public_keys: dict[str, str] = {}
    meta: dict[str, str] = {}
    admin_password: str = ""
    user_data: bytes = b""
    instance_type: str = ""
    image_id: str = ""
    kernel_id: str = ""
    ramdisk_id: str = ""
    reservation_id: str = ""
    security_groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class WishedCell(msgspec.Struct, frozen=True, kw_only=True):
    """A NUMA node of the guest, and the part of the host that was claimed for it.

    ``cpus`` are the guest's own numbers. ``page_size_kib`` 0 means ordinary pages. ``provider_id`` is that of the node
    (``uuid5(host id, name of the part)``, docs/decisions/0011), or the host's id where its nodes are no parts.
    """

    cpus: tuple[int, ...]
    memory_mib: int
    page_size_kib: int = 0
    provider_id: str = ""


class WishedLayout(msgspec.Struct, frozen=True, kw_only=True):
    """How the guest's vCPUs and memory are to be laid out; the agent chooses processors of the claimed parts.

    ``dedicated_cpus``: the vCPUs that get a processor of the host for themselves, at their cell's part (PCPU); all
    others share. ``thread_policy`` (they are on cores with hyper-threading or not): ``prefer`` or nothing: best with
    siblings together; ``require``: siblings together; ``isolate``: no other vCPU on a core's sibling.
    ``emulator_threads``: ``isolate``: on one more dedicated processor at the first cell's part, which is claimed with
    the vCPUs'; ``share``: on the host's shared processors; nothing: where the vCPUs are.
    """

    topology: CpuTopology | None = None
    cells: tuple[WishedCell, ...] = ()
    dedicated_cpus: tuple[int, ...] = ()
    thread_policy: str = ""
    emulator_threads: str = ""


class WishedDevices(msgspec.Struct, frozen=True, kw_only=True):
    """So many devices of one part of the host; the agent chooses which."""

    resource_class: str
    count: int
    provider_id: str


class GuestWish(msgspec.Struct, frozen=True, kw_only=True):
    """The whole wish for one guest on one host."""

    guest_id: str
    name: str
    vcpus: int
    memory_mib: int
    disks: tuple[WishedDisk, ...]
    ports: tuple[PortWiring, ...]
    metadata: GuestMetadata
    config_drive: bool = False
    kernel: ImageSource | None = None
    ramdisk: ImageSource | None = None
    kernel_command_line: str = ""
    nic_model: str = "virtio"
    firmware: str = "bios"
    machine: str = ""
    cpu_model: str = ""
    layout: WishedLayout = WishedLayout()
    devices: tuple[WishedDevices, ...] = ()
    required_features: tuple[str, ...] = ()
    properties: dict[str, str] = {}
