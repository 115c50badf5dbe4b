"""A host's tree in placement: what its agent reports, part by part (docs/decisions/0011).

Parents are entered before their children and leave after them. A part that is no longer reported goes; one that has
claims stays with all of it reserved, so that nobody gets more of it, until a report comes when the claims are gone.
Providers that operators hung below a host through the Placement API are theirs, and stay.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from kilonova_driver.types.inventory import Device, Part, Pool
from kilonova_driver.types.inventory import Inventory as HostInventory
from kilonova_kit.errors import Conflict
from kilonova_messages.providers import provider_id
from kilonova_placement.client import PlacementClient
from kilonova_placement.model.layers import reported_of
from kilonova_placement.model.providers import NOT_REPORTED, Inventory, Provider, ProviderReport, ProviderUse

log = logging.getLogger(__name__)

#: More than any machine has; a host that boasts must not fill the database.
MOST_PARTS = 1024


async def enter_parts(client: PlacementClient, host_id: str, root: ProviderReport, inventory: HostInventory) -> None:
    """Enter the parts of a host whose root is there, and let go of those that it has no longer."""
    parts = inventory.parts[:MOST_PARTS]
    if len(parts) < len(inventory.parts):
        log.warning("host %s reports %d parts; %d are entered", root.name, len(inventory.parts), MOST_PARTS)
    tree = await client.tree(host_id)
    known = {use.provider.provider_id: use.provider for use in tree}
    for part in parents_first(parts):
        part_id, report = provider_id(host_id, part.name), report_of(part, host_id, root)
        if not says_nothing_new(report, known.get(part_id)):
            await _enter(client, part_id, report)
    kept = {host_id, *(provider_id(host_id, part.name) for part in parts)}
    for provider in gone(tree, kept):
        await _let_go(client, provider)


async def remove_tree(client: PlacementClient, host_id: str) -> None:
    """Forget a host with all that hangs below it. Raises Conflict while there are claims on any of it."""
    for provider in children_first([use.provider for use in await client.tree(host_id)]):
        await client.delete_provider(provider.provider_id)
    await client.delete_provider(host_id)


async def _enter(client: PlacementClient, part_id: str, report: ProviderReport) -> None:
    """One that has moved to another parent is made anew; one that cannot be entered is told, and the others are."""
    try:
        await client.put_provider(part_id, report)
    except Conflict:
        try:
            await client.delete_provider(part_id)
            await client.put_provider(part_id, report)
        except Conflict as error:  # it has claims where it was, or its name is somebody else's
            log.warning("%s cannot be entered as a part of its host: %s", report.name, error)


async def _let_go(client: PlacementClient, provider: Provider) -> None:
    try:
        await client.delete_provider(provider.provider_id)
    except Conflict:  # it has claims, or a child that has
        with contextlib.suppress(Conflict):
            await client.put_provider(provider.provider_id, emptied(provider))


# --- pure


def inventories_of(pools: Iterable[Pool], devices: Iterable[Device]) -> dict[str, Inventory]:
    """Amounts and discrete things, as placement counts them."""
    divisible = {
        pool.resource_class: Inventory(
            total=pool.total,
            reserved=min(pool.reserved, pool.total),
            min_unit=pool.min_unit,
            max_unit=pool.max_unit,
            step_size=pool.step_size,
            allocation_ratio=pool.allocation_ratio,
        )
        for pool in pools
    }
    return {**divisible, **{device.resource_class: Inventory(total=device.count) for device in devices}}


def report_of(part: Part, host_id: str, root: ProviderReport) -> ProviderReport:
    """A part as placement hears of it."""
    return ProviderReport(
        name=f"{root.name}_{part.name}",
        cell=root.cell,
        parent_id=provider_id(host_id, part.parent),
        inventories=inventories_of(part.pools, part.devices),
        traits=part.traits,
    )


def says_nothing_new(report: ProviderReport, known: Provider | None) -> bool:
    """Whether placement has heard just this of a part: asked first, since hosts say the same again and again."""
    if known is None or known.disabled == NOT_REPORTED:
        return False
    said = reported_of(known)
    placed = known.overlay is not None and known.overlay.placed
    return (report.name, report.cell, report.inventories, tuple(sorted(set(report.traits)))) == (
        known.name,
        known.cell,
        said.inventories,
        said.traits,
    ) and (placed or report.parent_id == known.parent_id)


def parents_first(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts in an order in which each comes after what it is a part of. The agent has checked that it is a tree."""
    waiting = list(parts)
    there = {""}
    while waiting:
        ready = [part for part in waiting if part.parent in there]
        if not ready:
            return  # a hostile agent's circle: nothing of it is entered
        yield from ready
        there |= {part.name for part in ready}
        waiting = [part for part in waiting if part.name not in there]


def gone(tree: Sequence[ProviderUse], kept: set[str]) -> list[Provider]:
    """What agents reported once and report no longer, children first."""
    return children_first(
        [use.provider for use in tree if use.provider.provider_id not in kept and use.provider.disabled != NOT_REPORTED]
    )


def children_first(providers: Sequence[Provider]) -> list[Provider]:
    """The providers in an order in which each comes before its parent."""
    parents = {provider.provider_id: provider.parent_id for provider in providers}
    return sorted(providers, key=lambda provider: -_depth(provider.provider_id, parents))


def _depth(found: str | None, parents: dict[str, str | None]) -> int:
    depth = 0
    while found is not None and depth < len(parents) + 1:
        found, depth = parents.get(found), depth + 1
    return depth


def emptied(provider: Provider) -> ProviderReport:
    """The provider with nothing more to give."""
    return ProviderReport(
        name=provider.name,
        cell=provider.cell,
        parent_id=provider.parent_id,
        inventories={
            name: msgspec.structs.replace(one, reserved=one.total) for name, one in provider.inventories.items()
        },
        traits=provider.traits,
    )
