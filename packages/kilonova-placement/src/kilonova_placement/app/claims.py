"""Claims: what may be asked, and by whom again."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from kilonova_kit.errors import BadRequest, Conflict, NotFound

from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.app.waiting import Question
from kilonova_placement.deciding import choosing
from kilonova_placement.model.claims import Claim, ClaimState, Owner
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.groups import GroupPolicy
from kilonova_placement.model.questions import Usage
from kilonova_placement.model.requests import REQUEST_VERSION, GroupWish, Request, contradiction
from kilonova_placement.store import claims as claim_store

_LONGEST_HELD_SECONDS = 3600.0


async def claim(
    app: PlacementApp, request: Request, owners: Sequence[Owner], claim_ids: Sequence[str], held_seconds: float | None
) -> tuple[Claim, ...]:
    """Hold what the request asks for, once per id, all or none. Raises Refused, BadRequest, Conflict."""
    check_request(request)
    if len(set(claim_ids)) != len(claim_ids):
        raise BadRequest("claim_ids: each id may be given once")
    if len(owners) not in (1, len(claim_ids)):
        raise BadRequest("owners: give one for all claims, or one for each")
    if request.group and len({owner.name for owner in owners}) < len(claim_ids):
        raise BadRequest("owners: a group counts owners, so each claim of a group needs an owner of its own")
    each = tuple(owners) if len(owners) == len(claim_ids) else tuple(owners) * len(claim_ids)
    return await app.ledger.claim(Question(request, each, tuple(claim_ids), held_for(app, held_seconds)))


def explain(app: PlacementApp, request: Request, count: int, owner: str = "") -> Explanation:
    """What would happen if it were claimed now. ``owner``: who does not count against itself in the group."""
    check_request(request)
    return choosing.explain(request, count, app.ledger.index, app.chooser, owner)


def check_request(request: Request) -> None:
    """Refuse what cannot be honoured, rather than ignore it."""
    bundled = any(bundle.resources for bundle in request.bundles)
    if not (request.resources or request.devices or request.numa or bundled or request.machine):
        raise BadRequest("request: asks for no resources and no devices")
    if request.group is not None:
        _check_group(request.group)
    if request.version > REQUEST_VERSION:
        raise BadRequest(
            f"request.version: {request.version} is newer than this service, which reads {REQUEST_VERSION}"
        )
    if wrong := contradiction(request):
        raise BadRequest(wrong)
    if request.place.network:
        _check_network(request.place.network)


def _check_network(text: str) -> None:
    try:
        ip_network(text, strict=False)
    except ValueError as error:
        raise BadRequest(f"request.place.network: {error}") from error


def _check_group(wish: GroupWish) -> None:
    """As the Compute API rules it: four policies, and a rule for anti-affinity alone (2.64)."""
    if wish.policy not in tuple(GroupPolicy):
        raise BadRequest(f"request.group.policy: {wish.policy} is none of {', '.join(GroupPolicy)}")
    if not wish.group_id:
        raise BadRequest("request.group.group_id: must be given")
    if wish.max_per_host < 0 or (wish.max_per_host and wish.policy != GroupPolicy.ANTI_AFFINITY):
        raise BadRequest("request.group.max_per_host: must be at least 1, and is for anti-affinity only")


async def bind(app: PlacementApp, claim_id: str) -> Claim:
    """Make a claim last; one that is bound already stays so. Raises NotFound, Conflict when it was released."""

    app.ledger.check_running()

    def change(tx: Any) -> Claim | None:
        claim_store.bind_claim(tx, claim_id)
        return claim_store.find_claims(tx, [claim_id]).get(claim_id)

    return _living(claim_id, await app.database.write(change))


async def renew(app: PlacementApp, claim_id: str, held_seconds: float | None) -> Claim:
    """Hold a held claim for longer, from now; a bound one needs no renewal and stays as it is."""
    app.ledger.check_running()
    expires_at = app.clock() + held_for(app, held_seconds)

    def change(tx: Any) -> Claim | None:
        claim_store.renew_claim(tx, claim_id, expires_at)
        return claim_store.find_claims(tx, [claim_id]).get(claim_id)

    return _living(claim_id, await app.database.write(change))


async def release(app: PlacementApp, claim_ids: Sequence[str]) -> None:
    """Let claims go; one that is gone is gone."""
    await app.ledger.release(claim_ids)


async def get(app: PlacementApp, claim_id: str) -> Claim:
    """A claim in any state, as long as it is remembered. Raises NotFound."""
    found = (await app.database.read(lambda tx: claim_store.find_claims(tx, [claim_id]))).get(claim_id)
    if found is None:
        raise NotFound(f"No claim with id {claim_id} found.")
    return found


async def listed(app: PlacementApp, owner: str, marker: str, limit: int) -> list[Claim]:
    """Live claims in the order of their ids, after the marker."""
    return await app.database.read(lambda tx: claim_store.live_claims(tx, owner=owner, after=marker, limit=limit))


async def usage(app: PlacementApp, project_id: str, user_id: str) -> Usage:
    """The sums of a project's live claims, per resource class; an owner that moves has two places, and both count."""

    def look(tx: Any) -> Usage:
        moving = claim_store.moving_of(tx, project_id, user_id)
        return Usage(usage=claim_store.usage_of(tx, project_id, user_id), moving=moving)

    return await app.database.read(look)


def _living(claim_id: str, found: Claim | None) -> Claim:
    if found is None:
        raise NotFound(f"No claim with id {claim_id} found.")
    if found.state is ClaimState.RELEASED:
        raise Conflict(f"Claim {claim_id} was released, or it expired: claim anew.", kind="placement.claim_released")
    return found


def held_for(app: PlacementApp, held_seconds: float | None) -> float:
    """How long a claim is held, as asked or as set. Raises BadRequest."""
    seconds = app.settings.held_seconds if held_seconds is None else held_seconds
    if not 0 < seconds <= _LONGEST_HELD_SECONDS:
        raise BadRequest(f"held_seconds: must be more than 0 and at most {_LONGEST_HELD_SECONDS:.0f}")
    return seconds
