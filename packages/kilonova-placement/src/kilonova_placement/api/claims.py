"""Native claims: ``/native/v1/claims`` and ``/native/v1/explain``."""

from __future__ import annotations

from kilonova_kit.http.operations import Answer, Call
from kilonova_kit.http.paging import cut_page, page_size

from kilonova_placement.api.types.native import ClaimsQuery, UsageQuery
from kilonova_placement.app import claims
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.model.claims import Claim
from kilonova_placement.model.explanations import Explanation, Refused
from kilonova_placement.model.questions import (
    ClaimQuestion,
    Claims,
    ExplainQuestion,
    Refusal,
    RefusalError,
    Renewal,
    Usage,
)

LARGEST_PAGE = 1000


async def create(call: Call[PlacementApp, ClaimQuestion, None]) -> Answer:
    body = call.body
    try:
        held = await claims.claim(call.app, body.request, body.owners, body.claim_ids, body.held_seconds)
    except Refused as refused:
        return Answer(refusal(refused, call.request_id), status=409)
    return Answer(Claims(claims=held))


def refusal(refused: Refused, request_id: str) -> Refusal:
    """The body of a 409 that explains itself."""
    error = RefusalError(
        status=409, title="Conflict", detail=str(refused), code="placement.no_host_fits", request_id=request_id
    )
    return Refusal(errors=(error,), explanation=refused.explanation)


async def explain(call: Call[PlacementApp, ExplainQuestion, None]) -> Explanation:
    return claims.explain(call.app, call.body.request, call.body.count, call.body.owner)


async def index(call: Call[PlacementApp, None, ClaimsQuery]) -> Claims:
    query, size = call.query, page_size(call.query.limit, LARGEST_PAGE)
    found = await claims.listed(call.app, query.owner, query.marker, size + 1)
    page, more = cut_page(found, size)
    return Claims(claims=tuple(page), next_marker=page[-1].claim_id if more else "")


async def show(call: Call[PlacementApp, None, None]) -> Claim:
    return await claims.get(call.app, call.path["claim_id"])


async def bind(call: Call[PlacementApp, None, None]) -> Claim:
    return await claims.bind(call.app, call.path["claim_id"])


async def renew(call: Call[PlacementApp, Renewal | None, None]) -> Claim:
    return await claims.renew(call.app, call.path["claim_id"], call.body.held_seconds if call.body else None)


async def delete(call: Call[PlacementApp, None, None]) -> None:
    await claims.release(call.app, [call.path["claim_id"]])


async def usage(call: Call[PlacementApp, None, UsageQuery]) -> Usage:
    return await claims.usage(call.app, call.query.project_id, call.query.user_id)
