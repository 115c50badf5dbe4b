"""The placement service, through its native claims API.

A claim's id is given by us, so asking again finds the same claim. Its owner is ``server:<id>``; its host is the
provider that the host's own report made, under the host's id and name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import msgspec
from kilonova_driver.types.inventory import Inventory as HostInventory
from kilonova_kit.errors import Conflict, KilonovaError, NotFound
from kilonova_placement.client import PlacementClient
from kilonova_placement.model.attributes import Said
from kilonova_placement.model.claims import Claim, ClaimState, Owner
from kilonova_placement.model.explanations import Refused as RefusedByPlacement
from kilonova_placement.model.providers import ProviderChange, ProviderReport
from kilonova_placement.model.requests import (
    Bundle,
    DeviceWish,
    GroupWish,
    ImageNeeds,
    LabelTerm,
    NumaCell,
    NumaPolicy,
    NumaWish,
    Place,
    Request,
    ThreadPolicy,
)

from kilonova_compute.external.host_trees import enter_parts, inventories_of, remove_tree
from kilonova_compute.model.aggregate_rules import HostRules
from kilonova_compute.model.explanations import Explanation
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.layouts import RequestedLayout
from kilonova_compute.model.requested_devices import RequestedBundle, RequestedDevices
from kilonova_compute.model.requests import ClaimedPart, ClaimedPlace, ServerRequest

_KIND = "server:"


class Refused(KilonovaError):
    """No host fits; the message explains why, without host names."""

    status = 500
    kind = "no_host"


class PlacementService:
    """Claims for servers, and what hosts have to give."""

    def __init__(self, client: PlacementClient) -> None:
        self._client = client

    async def claim(self, wanted: Mapping[str, ServerRequest]) -> dict[str, ClaimedPlace]:
        """Hold claims for servers that ask alike, all or none, by claim id. Raises Refused, Unavailable."""
        requests = list(wanted.values())
        owners = [_owner(request) for request in requests]
        try:
            claims = await self._client.claim(_request(requests[0]), owners, list(wanted))
        except RefusedByPlacement as refused:
            raise Refused(f"No valid host was found. {refused}") from refused
        return {claim.claim_id: _place(claim) for claim in claims}

    async def explain(self, request: ServerRequest, count: int) -> Explanation:
        """What would become of so many alike now, names of hosts included. Raises BadRequest, Unavailable."""
        found = await self._client.explain(_request(request), count)
        return msgspec.convert(msgspec.to_builtins(found), Explanation)

    async def bind(self, claim_id: str) -> ClaimedPlace | None:
        """Make a held claim last; None when it is gone. Binding twice is binding once."""
        try:
            return _place(await self._client.bind(claim_id))
        except (NotFound, Conflict):
            return None

    async def release(self, claim_id: str) -> None:
        await self._client.release(claim_id)

    async def parts_of(self, claim_id: str) -> tuple[ClaimedPart, ...]:
        """What a live claim holds of which provider of its host. Raises NotFound, Unavailable."""
        claim = await self._client.get(claim_id)
        if claim.state is ClaimState.RELEASED:
            raise NotFound(f"The claim {claim_id} was released.")
        return tuple(ClaimedPart(provider_id=part.provider_id, amounts=part.amounts) for part in claim.providers)

    async def release_all_of(self, server_id: str) -> None:
        """Release every claim of a server."""
        async for claim in self._client.claims(_KIND + server_id):
            await self._client.release(claim.claim_id)

    async def host_of(self, server_id: str) -> str:
        """The name of the host that a server has claimed; empty when it has claimed none."""
        async for claim in self._client.claims(_KIND + server_id):
            return claim.host
        return ""

    async def live_claims(self) -> dict[str, str]:
        """Every live claim of servers: its id and the server's."""
        return {
            claim.claim_id: claim.owner.consumer
            async for claim in self._client.claims()
            if claim.owner.name.startswith(_KIND)
        }

    async def report_host(self, host: Host, inventory: HostInventory, rules: HostRules) -> None:
        """Enter what a host has to give, part by part, and what operators say of it."""
        report = ProviderReport(
            name=host.name,
            cell=host.cell,
            zone=host.zone,
            inventories=inventories_of(inventory.pools, inventory.devices),
            traits=inventory.traits,
            disabled=(host.disabled_reason or "disabled by an operator") if host.disabled else "",
            aggregates=await self._aggregates(host.id, rules),
            attributes=_said(host, rules),
        )
        await self._client.put_provider(host.id, report)
        await enter_parts(self._client, host.id, report, inventory)

    async def set_down(self, host_id: str, reason: str) -> bool:
        """Say why a host takes no new claims; an empty reason means that it does. Whether placement knows the host."""
        return await self._change(host_id, ProviderChange(down=reason))

    async def set_disabled(self, host_id: str, reason: str) -> None:
        """As ``set_down``, on an operator's word; a host that placement does not know yet says it in its report."""
        await self._change(host_id, ProviderChange(disabled=reason))

    async def _change(self, host_id: str, change: ProviderChange) -> bool:
        try:
            await self._client.change_provider(host_id, change)
        except NotFound:
            return False
        return True

    async def build_failed(self, host_id: str) -> None:
        """Say that a build has just failed on a host, so that others are preferred for a while."""
        await self._change(host_id, ProviderChange(attributes=Said(failed_builds=1)))

    async def set_images(self, host_id: str, image_ids: tuple[str, ...]) -> bool:
        """Say which images a host has at hand; whether placement knows the host."""
        try:
            await self._client.change_provider(host_id, ProviderChange(attributes=Said(images=image_ids)))
        except NotFound:
            return False
        return True

    async def set_place(self, host: Host, rules: HostRules) -> None:
        """Say where a host is: its zone, the aggregates it belongs to, and what they mean for it.

        A host that reported nothing yet is none.
        """
        aggregates = await self._aggregates(host.id, rules)
        said = _said(host, rules)
        await self._change(host.id, ProviderChange(zone=host.zone, aggregates=aggregates, attributes=said))

    async def _aggregates(self, host_id: str, rules: HostRules) -> tuple[str, ...]:
        """Ours that it is in, and those that operators named at the Placement API."""
        try:
            known = (await self._client.get_provider(host_id)).provider.aggregates
        except NotFound:
            known = ()
        return tuple(sorted({*rules.aggregates, *(set(known) - rules.not_in)}))

    async def claimed_by(self, project_id: str) -> dict[str, int]:
        """What all claims of a project hold, per resource class."""
        return await self._client.usage(project_id)

    async def used(self) -> dict[str, dict[str, int]]:
        """What is claimed of each host with all its parts, per resource class, by host id."""
        found: dict[str, Counter[str]] = {}
        for use in await self._client.providers():
            found.setdefault(use.provider.root_id, Counter()).update(use.used)
        return {host_id: dict(sums) for host_id, sums in found.items()}

    async def hosts_in(self, cells: Collection[str]) -> list[str]:
        """The ids of the hosts that placement knows in these cells."""
        providers = [use.provider for use in await self._client.providers()]
        return [one.provider_id for one in providers if one.cell in cells and one.parent_id is None]

    async def remove_host(self, host_id: str) -> None:
        """Forget a host with its parts. Raises Conflict while there are claims on it."""
        await remove_tree(self._client, host_id)


def _said(host: Host, rules: HostRules) -> Said:
    """What is said about a host beside what it has to give."""
    return Said(
        address=host.address,
        hypervisor_version=host.inventory.get("hypervisor_version", 0),
        labels=rules.labels,
        only_for=rules.only_for,
        multipliers=rules.multipliers,
        most_guests=rules.most_guests,
        most_arriving=rules.most_arriving,
    )


def _owner(request: ServerRequest) -> Owner:
    return Owner(name=_KIND + request.server_id, project_id=request.project_id, user_id=request.user_id)


def _request(asked: ServerRequest) -> Request:
    return Request(
        resources=asked.resources,
        machine=asked.machine or None,
        devices=tuple(map(_device, asked.devices)),
        numa=_cells(asked.layout),
        thread_policy=ThreadPolicy(asked.layout.thread_policy if asked.layout else ""),
        bundles=tuple(map(_bundle, asked.bundles)),
        bundles_apart=asked.bundles_apart,
        required_traits=asked.required_traits,
        forbidden_traits=asked.forbidden_traits,
        preferred_traits=asked.preferred_traits,
        place=_wanted_place(asked),
        group=_group(asked),
        image=ImageNeeds(image_id=asked.image_id, traits=asked.image_traits),
        priority=asked.priority,
    )


def _device(asked: RequestedDevices) -> DeviceWish:
    return DeviceWish(
        resource_class=asked.resource_class,
        count=asked.count,
        required_traits=asked.required_traits,
        near=NumaPolicy(asked.near),
    )


def _bundle(asked: RequestedBundle) -> Bundle:
    return Bundle(
        name=asked.name,
        resources=asked.resources,
        required_traits=asked.required_traits,
        forbidden_traits=asked.forbidden_traits,
    )


def _cells(layout: RequestedLayout | None) -> NumaWish | None:
    """What the layout claims; how the guest is told of it (topology, which vCPU is where) is not placement's."""
    if layout is None or not layout.cells:
        return None
    cells = [
        NumaCell(
            memory_mb=cell.memory_mb,
            dedicated_cores=layout.dedicated_of(number),
            shared_cores=len(cell.cpus) - len(cell.dedicated),
        )
        for number, cell in enumerate(layout.cells)
    ]
    return NumaWish(cells=tuple(cells), memory_classes=layout.memory_classes)


def _wanted_place(asked: ServerRequest) -> Place:
    return Place(
        zone=asked.zone,
        host=asked.host,
        cell=asked.cell,
        not_hosts=asked.not_hosts,
        hosts=asked.hosts,
        network=asked.network,
        labels=tuple(msgspec.convert(msgspec.to_builtins(label), LabelTerm) for label in asked.labels),
        carries=asked.carries,
    )


def _group(asked: ServerRequest) -> GroupWish | None:
    group = asked.group
    if group is None:
        return None
    return GroupWish(group_id=group.group_id, policy=group.policy, max_per_host=group.max_per_host)


def _place(claim: Claim) -> ClaimedPlace:
    return ClaimedPlace(claim_id=claim.claim_id, host_id=claim.host_id, host=claim.host, cell=claim.cell)
