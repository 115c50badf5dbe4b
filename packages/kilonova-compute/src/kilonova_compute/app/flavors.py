"""What may be asked of flavors. A private flavor does not exist for a project without access to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, Forbidden, NotFound
from kilonova_kit.http.identity import Identity
from kilonova_kit.ids import new_uuid
from kilonova_kit.patterns import check_pattern, occurs

from kilonova_compute.app.compute import Compute
from kilonova_compute.model.flavors import SORT_FIELDS, Flavor, FlavorFilter
from kilonova_compute.model.flavors_on_demand import WrongText, flavor_on_demand, is_on_demand, refusal
from kilonova_compute.model.servers import FlavorSnapshot
from kilonova_compute.store import flavors as store

#: What a new cloud has to offer.
FIRST_FLAVORS = (
    Flavor(flavor_id="1", name="m1.tiny", vcpus=1, ram=128, disk=1),
    Flavor(flavor_id="2", name="m1.small", vcpus=1, ram=512, disk=5),
    Flavor(flavor_id="3", name="m1.medium", vcpus=2, ram=1024, disk=10),
)


async def bootstrap_flavors(compute: Compute) -> None:
    """Give a cloud that never had flavors its first ones; one that was deleted does not come back."""
    now = compute.clock()
    first = [msgspec.structs.replace(flavor, created_at=now) for flavor in FIRST_FLAVORS]
    await compute.cells.database.write(lambda tx: store.add_first(tx, first))


async def find_flavor(compute: Compute, identity: Identity, flavor_ref: str) -> FlavorSnapshot:
    """The flavor that a server is asked for with, by its id, its URL, or on demand.

    Raises NotFound; BadRequest for a wrong flavor on demand; Forbidden for one that the project may not ask for.
    """
    flavor = await find(compute, identity, flavor_ref.rstrip("/").rsplit("/", 1)[-1])
    if is_on_demand(flavor.flavor_id) and (why := refusal(flavor, compute.flavors_on_demand, identity.project_id)):
        raise Forbidden(why)
    return flavor.snapshot


async def find_flavor_or_name(compute: Compute, identity: Identity, wanted: str) -> FlavorSnapshot:
    """As ``find_flavor``; where there is no such id, the flavor of that name."""
    try:
        return await find_flavor(compute, identity, wanted)
    except NotFound:
        found = await compute.cells.database.read(store.all_flavors)
        for flavor in found:
            if flavor.name == wanted and (identity.is_admin or flavor.usable_by(identity.project_id)):
                return flavor.snapshot
        raise


async def find(compute: Compute, identity: Identity, flavor_id: str) -> Flavor:
    """Raises NotFound, also for a flavor that the project may not use.

    A flavor on demand is shown to everybody, whatever the operator's bounds: clients look a flavor up first and hide
    the answer when that is refused, so the reason is said where a server is asked for.
    """
    if is_on_demand(flavor_id):
        return _on_demand(flavor_id)
    flavor = await compute.cells.database.read(lambda tx: store.find(tx, flavor_id))
    if flavor is None or not (identity.is_admin or flavor.usable_by(identity.project_id)):
        raise _not_found(flavor_id)
    return flavor


def _on_demand(text: str) -> Flavor:
    try:
        return flavor_on_demand(text)
    except WrongText as error:
        raise BadRequest(f"Invalid flavor on demand: {error}") from error


def _not_found(flavor_id: str) -> NotFound:
    return NotFound(f"Flavor {flavor_id} could not be found.")


async def listed(
    compute: Compute,
    identity: Identity,
    wanted: FlavorFilter,
    *,
    sort_key: str = "flavorid",
    descending: bool = False,
    marker: str | None = None,
    limit: int,
) -> Sequence[Flavor]:
    """A page of those that the caller may see. Raises BadRequest for an unknown marker."""
    found = await compute.cells.database.read(store.all_flavors)
    seen = [flavor for flavor in found if identity.is_admin or flavor.usable_by(identity.project_id)]
    start = next((flavor for flavor in seen if flavor.flavor_id == marker), None)
    if marker is not None and start is None:
        raise BadRequest(f"marker [{marker}] not found")
    ordered = sorted(seen, key=_order(sort_key), reverse=descending)
    rest = ordered[ordered.index(start) + 1 :] if start is not None else ordered
    matches = _matcher(wanted, identity.project_id)
    return [flavor for flavor in rest if matches(flavor)][:limit]


def _order(sort_key: str) -> Callable[[Flavor], tuple[bool, object, int]]:
    """By the field, nothing being the smallest; then by age, so that the order is total."""
    field = SORT_FIELDS[sort_key]

    def key(flavor: Flavor) -> tuple[bool, object, int]:
        value = getattr(flavor, field)
        return value is not None, value if value is not None else 0, flavor.number

    return key


def _matcher(wanted: FlavorFilter, project_id: str | None) -> Callable[[Flavor], bool]:
    pattern = wanted.name_pattern or ""
    try:
        check_pattern(pattern)
    except ValueError as error:
        raise BadRequest(f"Invalid name filter [{pattern}]: {error}") from None

    def matches(flavor: Flavor) -> bool:
        if wanted.is_public and not flavor.usable_by(project_id):
            return False
        if wanted.is_public is False and flavor.is_public:
            return False
        if flavor.ram < (wanted.min_ram or 0) or flavor.disk < (wanted.min_disk or 0):
            return False
        return occurs(pattern, flavor.name)

    return matches


async def create(compute: Compute, flavor: Flavor) -> Flavor:
    """Make a flavor, with an id where it has none. Raises Conflict for a name or an id that is taken."""
    given = msgspec.structs.replace(flavor, flavor_id=flavor.flavor_id or new_uuid(), created_at=compute.clock())
    await compute.cells.database.write(lambda tx: store.add(tx, given))
    return given


async def describe(compute: Compute, flavor_id: str, description: str | None) -> Flavor:
    return await _change(compute, flavor_id, lambda found: msgspec.structs.replace(found, description=description))


async def delete(compute: Compute, flavor_id: str) -> None:
    """Servers keep the flavor as it was when they were asked for."""
    if not await compute.cells.database.write(lambda tx: store.remove(tx, flavor_id)):
        raise _not_found(flavor_id)


async def _change(compute: Compute, flavor_id: str, how: Callable[[Flavor], Flavor]) -> Flavor:
    now = compute.clock()

    def write(found: Flavor) -> Flavor:
        return msgspec.structs.replace(how(found), updated_at=now)

    changed = await compute.cells.database.write(lambda tx: store.change(tx, flavor_id, write))
    if changed is None:
        raise _not_found(flavor_id)
    return changed


# --- extra specs


async def set_extra_specs(compute: Compute, flavor_id: str, specs: dict[str, str]) -> None:
    """Add to what is there, or replace it."""

    def how(found: Flavor) -> Flavor:
        return msgspec.structs.replace(found, extra_specs={**found.extra_specs, **specs})

    await _change(compute, flavor_id, how)


def extra_spec(flavor: Flavor, key: str) -> str:
    if key not in flavor.extra_specs:
        raise NotFound(f"Flavor {flavor.flavor_id} has no extra specs with key {key}.")
    return flavor.extra_specs[key]


async def remove_extra_spec(compute: Compute, flavor_id: str, key: str) -> None:
    def how(found: Flavor) -> Flavor:
        extra_spec(found, key)
        kept = {name: value for name, value in found.extra_specs.items() if name != key}
        return msgspec.structs.replace(found, extra_specs=kept)

    await _change(compute, flavor_id, how)


# --- access


async def add_access(compute: Compute, flavor_id: str, project_id: str, *, private_only: bool) -> Flavor:
    """Let a project use it. Raises Conflict when it may already, or (``private_only``) when everybody may."""

    def how(found: Flavor) -> Flavor:
        if private_only and found.is_public:
            raise Conflict("Can not add access to a public flavor.")
        if project_id in found.projects:
            raise Conflict(f"Flavor access already exists for flavor {flavor_id} and project {project_id} combination.")
        return msgspec.structs.replace(found, projects=(*found.projects, project_id))

    return await _change(compute, flavor_id, how)


async def remove_access(compute: Compute, flavor_id: str, project_id: str) -> Flavor:
    def how(found: Flavor) -> Flavor:
        if project_id not in found.projects:
            raise NotFound(f"Flavor access not found for {flavor_id} / {project_id} combination.")
        return msgspec.structs.replace(found, projects=tuple(one for one in found.projects if one != project_id))

    return await _change(compute, flavor_id, how)
