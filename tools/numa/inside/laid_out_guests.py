"""Guests made the agent's way: a wish that names parts of the tree, the choice among what is free, the record, the
layout for the driver. Only what is not looked at here (images, networks) is left out.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
from hosts import HOST_ID, Host
from kilonova_agent.records import GuestRecord
from kilonova_agent.resources.given import Given
from kilonova_driver.driver import PowerTarget
from kilonova_driver.errors import DriverError
from kilonova_driver.types.guests import GuestSpec, KernelBoot
from kilonova_driver.types.orders import Order
from kilonova_messages.providers import provider_id
from kilonova_messages.wishes import GuestMetadata, GuestWish, WishedCell, WishedDevices, WishedLayout


def part(name: str) -> str:
    """The id of a part of the host."""
    return provider_id(HOST_ID, name)


def cell_at(node: int, cpu: int, memory_mib: int, page_size_kib: int = 0) -> WishedCell:
    """A cell of one vCPU at a node of the host."""
    return WishedCell(cpus=(cpu,), memory_mib=memory_mib, page_size_kib=page_size_kib, provider_id=part(f"NUMA{node}"))


def devices_of(node: int, resource_class: str, count: int = 1) -> tuple[WishedDevices, ...]:
    """So many of the devices of a kind at a node; -1: at none."""
    plain = resource_class.removeprefix("CUSTOM_")
    name = f"NUMA{node}_{plain}" if node >= 0 else plain
    return (WishedDevices(resource_class=resource_class, count=count, provider_id=part(name)),)


def wish_for(name: str, *cells: WishedCell, dedicated: tuple[int, ...] = (), **more: Any) -> GuestWish:
    """A guest with one vCPU for each cell, or one vCPU. Its own threads are on shared processors."""
    return GuestWish(
        guest_id=name,
        name=name,
        vcpus=len(cells) or 1,
        memory_mib=sum(cell.memory_mib for cell in cells) or 64,
        disks=(),
        ports=(),
        metadata=GuestMetadata(server_id=name, name=name, hostname=name, project_id="p"),
        layout=WishedLayout(cells=cells, dedicated_cpus=dedicated, emulator_threads="share" if dedicated else ""),
        **more,
    )


async def make(host: Host, wish: GuestWish, boot: KernelBoot | None = None) -> GuestSpec:
    """Start it; what it was given is in its spec. Raises DriverError."""
    given = host.resources.give(wish, None)
    host.records.put(GuestRecord(guest_id=wish.guest_id, generation=1, wish=wish, given=given))
    plain = GuestSpec(guest_id=wish.guest_id, name=wish.name, vcpus=wish.vcpus, memory_mib=wish.memory_mib, kernel=boot)
    spec = host.resources.lay_out(plain, wish)
    await host.driver.ensure_guest(order(1), spec, PowerTarget.ON)
    return spec


async def refusal(host: Host, wish: GuestWish) -> str:
    """Why it is not made."""
    try:
        await make(host, wish)
    except DriverError as error:
        return error.message
    return "it was made"


async def remove(host: Host, *names: str) -> None:
    """Remove guests, and let go of what they had."""
    for name in names:
        await host.driver.remove_guest(order(2), name)
        record = host.records.get(name)
        if record is not None:
            host.records.put(msgspec.structs.replace(record, wish=None, given=Given()))


def order(generation: int) -> Order:
    """An order like no other."""
    return Order(operation_id=f"{generation}-{time.monotonic_ns()}", generation=generation)


def home(host: Host, name: str) -> Path:
    """Where the driver keeps a guest's things."""
    return host.data / "driver/guests" / name
