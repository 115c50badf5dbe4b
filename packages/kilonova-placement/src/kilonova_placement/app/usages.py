"""What a project uses: sums over its live claims."""

from __future__ import annotations

from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.store import claims as claim_store
from kilonova_placement.store import consumers as consumer_store
from kilonova_placement.store.consumers import TypeUsage

UNKNOWN, ALL = "unknown", "all"


async def of_project(app: PlacementApp, project_id: str, user_id: str) -> dict[str, int]:
    """By resource class."""
    return await app.database.read(lambda tx: claim_store.usage_of(tx, project_id, user_id))


async def by_type(app: PlacementApp, project_id: str, user_id: str, wanted: str) -> dict[str, TypeUsage]:
    """By type of consumer: every type, one, those of no known type, or (``all``) all of them as one."""
    found = await app.database.read(lambda tx: consumer_store.usage_by_type(tx, project_id, user_id))
    if wanted == ALL:
        return {ALL: _together(found)} if any(one.amounts for one in found) else {}
    named = {one.consumer_type or UNKNOWN: one for one in found if one.amounts}
    return {name: one for name, one in named.items() if wanted in ("", name)}


def _together(found: list[TypeUsage]) -> TypeUsage:
    sums: dict[str, int] = {}
    for one in found:
        for name, amount in one.amounts.items():
            sums[name] = sums.get(name, 0) + amount
    return TypeUsage(ALL, sum(one.consumers for one in found), sums)
