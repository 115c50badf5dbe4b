"""The same hosts for both placements, written straight into the tables of each: loading is not what is measured."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
import psycopg
from kilonova_placement.model.providers import Inventory, Provider
from kilonova_placement.service import PlacementApp, PlacementSettings
from kilonova_placement.store.tables import providers
from sqlalchemy import insert

_TRAITS = ("HW_CPU_X86_AVX2", "HW_CPU_X86_SSE42")


class Host(NamedTuple):
    """A provider, its parent's id or None, what it has (total, reserved, ratio by class), its traits."""

    provider_id: str
    name: str
    parent_id: str | None
    classes: dict[str, tuple[int, int, float]]
    traits: tuple[str, ...]


def provider_id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def plain_hosts(count: int) -> Iterator[Host]:
    """Hosts of three sizes; three of four have the trait that claims ask for."""
    for number in range(1, count + 1):
        size = random.Random(number).choice((16, 32, 64))
        classes = {
            "VCPU": (size, 0, 4.0),
            "MEMORY_MB": (size * 4096, 512, 1.0),
            "DISK_GB": (size * 50, 0, 1.0),
        }
        traits = _TRAITS if number % 4 else _TRAITS[1:]
        yield Host(provider_id(number), f"host-{number}", None, classes, traits)


def device_hosts(count: int, devices: int) -> Iterator[Host]:
    """Hosts with like devices, each a provider below its host."""
    for number in range(1, count + 1):
        host = Host(provider_id(number), f"host-{number}", None, {"VCPU": (64, 0, 1.0)}, ())
        yield host
        for device in range(1, devices + 1):
            key = provider_id(number * 1000 + device)
            yield Host(key, f"{host.name}-pgpu-{device}", host.provider_id, {"PGPU": (1, 0, 1.0)}, ())


async def fill_ours(url: str, hosts: Sequence[Host]) -> None:
    app = PlacementApp(PlacementSettings(database=url))
    await app.start()
    for start in range(0, len(hosts), 1000):
        rows = [msgspec.to_builtins(_provider(host)) for host in hosts[start : start + 1000]]
        await app.database.write(partial(_insert, rows))
    await app.close()


def _insert(rows: list[dict[str, Any]], tx: Any) -> None:
    tx.execute(insert(providers), rows)


def _provider(host: Host) -> Provider:
    inventories = {
        name: Inventory(total=total, reserved=reserved, allocation_ratio=ratio)
        for name, (total, reserved, ratio) in host.classes.items()
    }
    return Provider(
        provider_id=host.provider_id,
        name=host.name,
        generation=1,
        root_id=host.parent_id or host.provider_id,
        parent_id=host.parent_id,
        cell="cell1",
        inventories=inventories,
        traits=host.traits,
    )


def fill_real(url: str, hosts: Sequence[Host]) -> None:
    """Into openstack-placement's own tables, once it has made them (db/sqlalchemy/models.py of that package)."""
    numbers = {host.provider_id: number for number, host in enumerate(hosts, 1)}
    with psycopg.connect(url.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
        class_ids = _ids(cursor, "resource_classes")
        trait_ids = _ids(cursor, "traits")
        _copy(
            cursor,
            "resource_providers (id, uuid, name, generation, root_provider_id, parent_provider_id)",
            [(numbers[h.provider_id], h.provider_id, h.name, 0, _root(numbers, h), _parent(numbers, h)) for h in hosts],
        )
        _copy(
            cursor,
            "inventories (resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit, step_size, "
            "allocation_ratio)",
            [
                (numbers[host.provider_id], class_ids[name], total, reserved, 1, total, 1, ratio)
                for host in hosts
                for name, (total, reserved, ratio) in host.classes.items()
            ],
        )
        pairs = [(trait_ids[trait], numbers[host.provider_id]) for host in hosts for trait in host.traits]
        _copy(cursor, "resource_provider_traits (trait_id, resource_provider_id)", pairs)
        cursor.execute("SELECT setval('resource_providers_id_seq', %s)", (len(hosts),))
        connection.commit()
        connection.autocommit = True
        cursor.execute("ANALYZE")


def _ids(cursor: Any, table: str) -> dict[str, int]:
    return {name: number for number, name in cursor.execute(f"SELECT id, name FROM {table}")}


def _copy(cursor: Any, where: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {where} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _root(numbers: dict[str, int], host: Host) -> int:
    return numbers[host.parent_id or host.provider_id]


def _parent(numbers: dict[str, int], host: Host) -> int | None:
    return numbers[host.parent_id] if host.parent_id else None
