"""Moves of claims: ``/native/v1/moves``. A move is named by the id of the claim it goes to."""

from __future__ import annotations

from kilonova_kit.http.operations import Answer, Call
from kilonova_kit.http.paging import cut_page, page_size

from kilonova_placement.api.claims import LARGEST_PAGE, refusal
from kilonova_placement.api.types.native import ClaimsQuery
from kilonova_placement.app import moving
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.model.claims import Claim, Move
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.questions import MoveQuestion, Moves


async def create(call: Call[PlacementApp, MoveQuestion, None]) -> Answer:
    body = call.body
    try:
        move = await moving.begin(
            call.app, body.request, body.leaves, body.goes_to, body.held_seconds, elsewhere=body.elsewhere
        )
    except Refused as refused:
        return Answer(refusal(refused, call.request_id), status=409)
    return Answer(move)


async def index(call: Call[PlacementApp, None, ClaimsQuery]) -> Moves:
    query, size = call.query, page_size(call.query.limit, LARGEST_PAGE)
    found = await moving.listed(call.app, query.owner, query.marker, size + 1)
    page, more = cut_page(found, size)
    return Moves(moves=tuple(page), next_marker=page[-1].goes_to.claim_id if more else "")


async def show(call: Call[PlacementApp, None, None]) -> Move:
    return await moving.get(call.app, call.path["claim_id"])


async def confirm(call: Call[PlacementApp, None, None]) -> Claim:
    return await moving.confirm(call.app, call.path["claim_id"])


async def revert(call: Call[PlacementApp, None, None]) -> None:
    await moving.revert(call.app, call.path["claim_id"])
