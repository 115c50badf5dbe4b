"""Claims: what may be asked, and by whom again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kilonova_kit.errors import BadRequest, Conflict, NotFound

from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.app.waiting import Question
from kilonova_placement.deciding import choosing
from kilonova_placement.model.claims import Claim, ClaimState, Owner
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.requests import REQUEST_VERSION, Request
from kilonova_placement.store import claims as claim_store

#: Alike in one call; the compute API's own limit for one request is far below.
MOST_ALIKE = 1000
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
    each = tuple(owners) if len(owners) == len(claim_ids) else tuple(owners) * len(claim_ids)
    return await app.ledger.claim(Question(request, each, tuple(claim_ids), _held(app, held_seconds)))


def explain(app: PlacementApp, request: Request, count: int) -> Explanation:
    """What would happen if it were claimed now."""
    check_request(request)
    return choosing.explain(request, count, app.ledger.index, app.chooser)


def check_request(request: Request) -> None:
    """Refuse what cannot be honoured, rather than ignore it."""
    if not request.resources and not request.devices:
        raise BadRequest("request: asks for no resources and no devices")
    if request.group is not None:
        raise BadRequest("request.group: server groups cannot be honoured yet")
    if request.version > REQUEST_VERSION:
        raise BadRequest(
            f"request.version: {request.version} is newer than this service, which reads {REQUEST_VERSION}"
        )
    both = {*request.all_required_traits()} & {*request.forbidden_traits}
    if both:
        raise BadRequest(f"request: required and forbidden at the same time: {', '.join(sorted(both))}")


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
    expires_at = app.clock() + _held(app, held_seconds)

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


async def usage(app: PlacementApp, project_id: str, user_id: str) -> dict[str, int]:
    """The sums of a project's live claims, per resource class."""
    return await app.database.read(lambda tx: claim_store.usage_of(tx, project_id, user_id))


def _living(claim_id: str, found: Claim | None) -> Claim:
    if found is None:
        raise NotFound(f"No claim with id {claim_id} found.")
    if found.state is ClaimState.RELEASED:
        raise Conflict(f"Claim {claim_id} was released, or it expired: claim anew.", kind="placement.claim_released")
    return found


def _held(app: PlacementApp, held_seconds: float | None) -> float:
    seconds = app.settings.held_seconds if held_seconds is None else held_seconds
    if not 0 < seconds <= _LONGEST_HELD_SECONDS:
        raise BadRequest(f"held_seconds: must be more than 0 and at most {_LONGEST_HELD_SECONDS:.0f}")
    return seconds
