"""A server: what was asked for, where it lives, and how it stands.

``vm_state`` is what the server is, ``task_state`` what is being done to it, ``power`` what its guest was last seen as;
the public ``status`` is derived from the three (nova, api/openstack/common.py, ``_STATE_MAP``). Only actions and the
power reconciler change them, each in one transaction with the action's own rows.

           create            stop              delete
    (none) ──────► BUILDING ─► ACTIVE ◄──────► STOPPED ─────► DELETED
                      │        ▲  │  start        ▲
                      ▼  pause │  ▼ unpause       │ the guest turned itself off
                    ERROR     PAUSED          (any state may become ERROR, with a fault that says why)
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec


class VmState(enum.StrEnum):
    """What a server is."""

    BUILDING = "building"
    ACTIVE = "active"
    STOPPED = "stopped"
    PAUSED = "paused"
    ERROR = "error"
    DELETED = "deleted"


class TaskState(enum.StrEnum):
    """What is being done to a server; the words of the public API."""

    SCHEDULING = "scheduling"
    NETWORKING = "networking"
    SPAWNING = "spawning"
    POWERING_OFF = "powering-off"
    POWERING_ON = "powering-on"
    REBOOTING = "rebooting"
    REBOOTING_HARD = "rebooting_hard"
    PAUSING = "pausing"
    UNPAUSING = "unpausing"
    DELETING = "deleting"


class Power(enum.IntEnum):
    """What a guest was last seen as; the numbers of the public API."""

    NOSTATE = 0
    RUNNING = 1
    PAUSED = 3
    SHUTDOWN = 4
    CRASHED = 6


#: A driver's word for a guest's power, as the public API's number.
POWER_OF_GUEST = {
    "on": Power.RUNNING,
    "off": Power.SHUTDOWN,
    "paused": Power.PAUSED,
    "crashed": Power.CRASHED,
    "": Power.NOSTATE,
}


class FlavorSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The flavor as it was when the server was asked for. RAM and swap in MiB, disks in GiB."""

    flavor_id: str
    name: str
    vcpus: int
    ram: int
    disk: int
    ephemeral: int = 0
    swap: int = 0
    rxtx_factor: float = 1.0
    extra_specs: dict[str, str] = {}
    description: str | None = None


class ImageSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a host must know of the image: fixed when the server was asked for, so a rename changes nothing."""

    image_id: str
    name: str = ""
    disk_format: str = "raw"
    size_bytes: int = 0
    virtual_size_bytes: int = 0
    digest_algorithm: str = "sha512"
    digest: str = ""
    min_disk: int = 0
    min_ram: int = 0
    properties: dict[str, str] = {}


class WantedNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """One of the ``networks`` of a create request, in its order."""

    network_id: str = ""
    port_id: str = ""
    fixed_ip: str = ""
    tag: str = ""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A fixed address as ``addresses`` shows it."""

    ip_address: str
    version: int
    mac: str
    network_id: str
    network_name: str
    port_id: str
    kind: str = "fixed"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a server is in ERROR. ``details`` are for administrators."""

    code: int
    message: str
    created_at: float
    details: str = ""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The whole record. Times are seconds since the epoch (UTC)."""

    id: str
    cell: str
    project_id: str
    user_id: str
    name: str
    hostname: str
    created_at: float
    updated_at: float
    flavor: FlavorSnapshot
    image: ImageSnapshot | None = None
    description: str | None = None
    launched_at: float | None = None
    terminated_at: float | None = None
    vm_state: VmState = VmState.BUILDING
    task_state: TaskState | None = None
    power: Power = Power.NOSTATE
    progress: int = 0
    fault: Fault | None = None
    host_id: str | None = None
    host: str | None = None
    #: The provider that the claim is on; the hypervisor's name in the public API.
    node: str | None = None
    claim_id: str | None = None
    #: Grows with every step that a host is asked to do for this server; older reports are refused.
    generation: int = 0
    availability_zone: str | None = None  # where it is; None while it is nowhere
    wanted_zone: str | None = None
    wanted_host: str | None = None
    launch_index: int = 0
    reservation_id: str = ""
    key_name: str | None = None
    key_type: str = "ssh"
    public_key: str = ""
    metadata: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    scheduler_hints: dict[str, list[str]] = {}
    security_groups: tuple[str, ...] = ()
    networks: tuple[WantedNetwork, ...] = ()
    #: "auto", "none" or empty when ``networks`` says it.
    network_mode: str = ""
    addresses: tuple[Address, ...] = ()
    access_ip_v4: str = ""
    access_ip_v6: str = ""
    user_data: str | None = None  # base64, as it was given
    config_drive: bool = False
    config_drive_text: str = ""  # as it was given, for the answer
    disk_config: str = "MANUAL"
    locked: bool = False
    locked_by: str | None = None  # "owner" or "admin"
    locked_reason: str | None = None
    root_device_name: str = "/dev/vda"
    trusted_certs: tuple[str, ...] | None = None
    #: Only until the guest is built, or cannot be; then it is forgotten.
    admin_password: str = ""

    @property
    def deleted(self) -> bool:
        return self.vm_state is VmState.DELETED


_STATUS: dict[VmState, tuple[str, dict[TaskState, str]]] = {
    VmState.ACTIVE: ("ACTIVE", {TaskState.REBOOTING: "REBOOT", TaskState.REBOOTING_HARD: "HARD_REBOOT"}),
    VmState.BUILDING: ("BUILD", {}),
    VmState.STOPPED: ("SHUTOFF", {TaskState.REBOOTING: "REBOOT", TaskState.REBOOTING_HARD: "HARD_REBOOT"}),
    VmState.PAUSED: ("PAUSED", {}),
    VmState.ERROR: ("ERROR", {TaskState.REBOOTING_HARD: "HARD_REBOOT"}),
    VmState.DELETED: ("DELETED", {}),
}


def status_of(vm_state: VmState, task_state: TaskState | None) -> str:
    """The public status, in capitals."""
    usual, while_doing = _STATUS[vm_state]
    return usual if task_state is None else while_doing.get(task_state, usual)


#: Statuses that the API knows and no server here is in.
_OTHER_STATUSES = frozenset(
    [
        "MIGRATING",
        "PASSWORD",
        "REBUILD",
        "RESCUE",
        "RESIZE",
        "REVERT_RESIZE",
        "SHELVED",
        "SHELVED_OFFLOADED",
        "SOFT_DELETED",
        "SUSPENDED",
        "VERIFY_RESIZE",
    ]
)


def all_statuses() -> frozenset[str]:
    """Every public status that a list may be asked for."""
    own = {status for usual, doing in _STATUS.values() for status in (usual, *doing.values())}
    return _OTHER_STATUSES | own


def states_of_status(statuses: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """The vm states, and the task states if they matter, behind public statuses."""
    wanted, vm_states, task_states, any_task = set(statuses), dict[str, None](), dict[str, None](), False
    for vm_state, (usual, doing) in _STATUS.items():
        for status, task in [(usual, None), *((status, task) for task, status in doing.items())]:
            if status not in wanted:
                continue
            vm_states[vm_state.value] = None
            if task is None:
                any_task = True
            else:
                task_states[task.value] = None
    return tuple(vm_states), None if any_task or not vm_states else tuple(task_states)
