"""What the fake host remembers of a guest, and how orders change it: pure functions, no clock, no file.

    (nothing) --ensure--> half-made --> on <--> off        a record is replaced, never altered;
                                        on <--> paused     every change returns a new one
                                        on  --> crashed --> on

``boots`` counts every start; the console log is computed from it. ``started_at`` grows strictly with every start.
"""

from __future__ import annotations

import msgspec
from kilonova_driver.driver import PowerTarget
from kilonova_driver.errors import Conflict
from kilonova_driver.types.guests import Diagnostics, DiskCounters, Guest, GuestSpec, NicCounters, Power
from kilonova_driver.types.orders import Order

#: How many operation ids a guest remembers; the agent repeats only its last few questions.
REMEMBERED_OPERATIONS = 8
HALF_MADE = "half-made: the build was interrupted"

CONSOLE_LINES = (
    "fake guest {name} booting, boot {boot}",
    "fake: firmware: bios {memory_mib} MiB",
    "fake: firmware: {disks} disks, {nics} network interfaces",
    "fake: boot loader: found a kernel",
    "fake: kernel: {vcpus} processors",
    "fake: kernel: {memory_mib} MiB of memory",
    "fake: kernel: console on ttyS0",
    "fake: init: mounted the root file system",
    "fake: init: found the config drive: {config_drive}",
    "fake: init: network is up",
    "fake: init: host name is {name}",
    "fake guest {name} booted, boot {boot}",
    "fake: ready",
)


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="guest"):
    """One guest, as the journal keeps it."""

    guest_id: str
    generation: int
    spec: GuestSpec
    power: Power = Power.OFF
    made: bool = True
    boots: int = 0
    started_at: float | None = None
    #: The latest ``started_at``, also while the guest is off, so that the next one is later whatever the clock does.
    last_start: float = 0.0
    reason: str = ""
    operations: tuple[str, ...] = ()


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag="removed"):
    """A guest that is gone; its generation stays, so that a late order cannot bring it back."""

    guest_id: str
    generation: int


def view(record: Record) -> Guest:
    """The record as the contract shows it."""
    return Guest(
        guest_id=record.guest_id,
        generation=record.generation,
        power=record.power,
        handle=b"fake/1/" + record.guest_id.encode(),
        reason=record.reason,
        started_at=record.started_at,
    )


def half_made(order: Order, spec: GuestSpec) -> Record:
    return Record(guest_id=spec.guest_id, generation=order.generation, spec=spec, made=False, reason=HALF_MADE)


def obeyed(record: Record, order: Order) -> Record:
    """Note that the order has been carried out."""
    operations = (*record.operations, order.operation_id)[-REMEMBERED_OPERATIONS:]
    return msgspec.structs.replace(record, generation=order.generation, operations=operations)


def started(record: Record, now: float) -> Record:
    """Start afresh, whatever it was."""
    at = max(now, record.last_start + 0.000001)
    return msgspec.structs.replace(
        record, power=Power.ON, boots=record.boots + 1, started_at=at, last_start=at, reason="", made=True
    )


def stopped(record: Record, power: Power = Power.OFF, reason: str = "") -> Record:
    return msgspec.structs.replace(record, power=power, started_at=None, reason=reason, made=True)


def powered(record: Record, target: PowerTarget, now: float) -> Record:
    """Bring it up or down; already so changes nothing. Raises Conflict for turning on a paused guest."""
    if target is PowerTarget.OFF:
        return record if record.power is Power.OFF and record.made else stopped(record)
    if record.power is Power.PAUSED:
        raise Conflict(f"guest {record.guest_id} is paused: unpause it")
    return record if record.power is Power.ON else started(record, now)


def frozen(record: Record, wished: Power) -> Record:
    """Pause or let go on. Raises Conflict when the guest does not run."""
    if record.power not in (Power.ON, Power.PAUSED):
        raise Conflict(f"guest {record.guest_id} is {record.power}: it cannot become {wished}")
    return record if record.power is wished else msgspec.structs.replace(record, power=wished)


def reshaped(record: Record, spec: GuestSpec) -> Record:
    """Take over a changed spec. Raises Conflict when an immutable part differs."""
    if record.spec == spec:
        return record
    if record.made:
        _refuse_immutable(record, spec)
    return msgspec.structs.replace(record, spec=spec)


def _refuse_immutable(record: Record, spec: GuestSpec) -> None:
    old = record.spec
    if bases(old) != bases(spec):
        raise Conflict(f"guest {record.guest_id} has disks with another base")
    runs = record.power in (Power.ON, Power.PAUSED)
    if runs and fixed(old) != fixed(spec):
        raise Conflict(f"guest {record.guest_id} runs: its processors, memory, disks and devices cannot change")


def fixed(spec: GuestSpec) -> tuple[object, ...]:
    """What a guest sees of itself: fixed while it runs. Where its threads run may change."""
    layout = spec.layout
    return spec.vcpus, spec.memory_mib, spec.disks, layout.topology, layout.cells, spec.devices


def bases(spec: GuestSpec) -> dict[str, str]:
    """Which digest each disk stands on ("" for a blank one): fixed for a disk's life."""
    return {disk.name: disk.base.digest if disk.base else "" for disk in spec.disks}


def console_text(record: Record, max_bytes: int) -> bytes:
    """The last bytes that the guest wrote since it was made; deterministic."""
    if max_bytes <= 0:
        return b""
    spec = record.spec
    facts = {
        "name": spec.name,
        "memory_mib": spec.memory_mib,
        "vcpus": spec.vcpus,
        "disks": len(spec.disks),
        "nics": len(spec.nics),
        "config_drive": "yes" if spec.config_drive else "no",
    }
    blocks: list[bytes] = []
    for boot in range(record.boots, 0, -1):
        blocks.append("".join(f"{line}\n" for line in CONSOLE_LINES).format(boot=boot, **facts).encode())
        if sum(map(len, blocks)) >= max_bytes:
            break
    return b"".join(reversed(blocks))[-max_bytes:]


def diagnose(record: Record, now: float) -> Diagnostics:
    """Measure a running guest. Raises Conflict when it is off."""
    if record.power not in (Power.ON, Power.PAUSED) or record.started_at is None:
        raise Conflict(f"guest {record.guest_id} is {record.power}: there is nothing to measure")
    spec = record.spec
    uptime = max(0, int(now - record.started_at))
    return Diagnostics(
        power=record.power,
        driver="fake",
        hypervisor="fake",
        uptime_seconds=uptime,
        vcpus=spec.vcpus,
        memory_maximum_mib=spec.memory_mib,
        memory_used_mib=spec.memory_mib // 2,
        cpu_time_ns=tuple(uptime * 10_000_000 for _ in range(spec.vcpus)),
        nics=tuple(NicCounters(mac=nic.mac, rx_packets=record.boots, tx_packets=record.boots) for nic in spec.nics),
        disks=tuple(DiskCounters(name=disk.name, read_requests=record.boots) for disk in spec.disks),
        config_drive=spec.config_drive is not None,
    )
