"""The typed client of the native API: all that another package may import of placement, with the model's types.

    placement = PlacementClient(ServiceClient(InProcess(edge.asgi, "/placement"), token))
    (claim,) = await placement.claim(request, [owner], [claim_id])      # Refused says why not
    await placement.bind(claim.claim_id)

Every call may be repeated. Raises, beside what each says: BadRequest (the request makes no sense), Unavailable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthenticated, Unavailable
from kilonova_kit.http.client import Reply, ServiceClient

from kilonova_placement.model.claims import Claim, Move, Owner
from kilonova_placement.model.explanations import Explanation, Refused
from kilonova_placement.model.providers import Provider, ProviderChange, ProviderReport, ProviderUse
from kilonova_placement.model.questions import (
    ClaimQuestion,
    Claims,
    ExplainQuestion,
    MoveQuestion,
    Moves,
    Providers,
    Refusal,
    Renewal,
    Usage,
)
from kilonova_placement.model.requests import Request

T = TypeVar("T")

_N = "/native/v1"
_ERRORS = {400: BadRequest, 401: Unauthenticated, 403: Forbidden, 404: NotFound, 409: Conflict}


class PlacementClient:
    """Speaks for a service: its token needs the role ``service`` or ``admin``."""

    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    async def claim(
        self,
        request: Request,
        owners: Sequence[Owner],
        claim_ids: Sequence[str],
        *,
        held_seconds: float | None = None,
    ) -> tuple[Claim, ...]:
        """Hold the request once per id, all or none; the answer is in the order of the ids.

        The same ids again give the same claims. Raises Refused; Conflict when an id is another's or was released.
        """
        question = ClaimQuestion(
            request=request, owners=tuple(owners), claim_ids=tuple(claim_ids), held_seconds=held_seconds
        )
        reply = await self._service.request("POST", f"{_N}/claims", json=question)
        _check_refusal(reply)
        return _read(reply, Claims).claims

    async def explain(self, request: Request, count: int = 1, *, owner: str = "") -> Explanation:
        """What would happen now; nothing is claimed. ``owner`` does not count against itself in the group."""
        question = ExplainQuestion(request=request, count=count, owner=owner)
        return _read(await self._service.request("POST", f"{_N}/explain", json=question), Explanation)

    async def bind(self, claim_id: str) -> Claim:
        """Make a claim last. Raises NotFound; Conflict (kind ``placement.claim_released``) when it has expired."""
        return _read(await self._service.request("PUT", f"{_claim_path(claim_id)}/bind"), Claim)

    async def renew(self, claim_id: str, held_seconds: float | None = None) -> Claim:
        """Hold it for longer, from now. Raises as ``bind``."""
        renewal = Renewal(held_seconds=held_seconds)
        return _read(await self._service.request("PUT", f"{_claim_path(claim_id)}/renew", json=renewal), Claim)

    async def release(self, claim_id: str) -> None:
        """Let it go; one that is gone is gone."""
        _check(await self._service.request("DELETE", _claim_path(claim_id)))

    async def get(self, claim_id: str) -> Claim:
        """A claim in any state, as long as it is remembered. Raises NotFound."""
        return _read(await self._service.request("GET", _claim_path(claim_id)), Claim)

    async def claims(self, owner: str = "") -> AsyncIterator[Claim]:
        """Every live claim, or those of one owner, in the order of their ids."""
        marker = ""
        while True:
            query = {"owner": owner, "marker": marker}
            page = _read(await self._service.request("GET", f"{_N}/claims", query=query), Claims)
            for claim in page.claims:
                yield claim
            marker = page.next_marker
            if not marker:
                return

    async def move(
        self,
        request: Request,
        leaves: str,
        goes_to: str,
        *,
        elsewhere: bool = False,
        held_seconds: float | None = None,
    ) -> Claim:
        """Hold a second place, as claim ``goes_to``, for the owner of the bound claim ``leaves``; both count.

        ``elsewhere``: not on the host it leaves. ``bind`` makes the new claim last and leaves the move open. The same
        ids again give the same claim. Raises Refused; NotFound; Conflict (kind ``placement.cannot_move``: not bound,
        or moves already).
        """
        question = MoveQuestion(
            request=request, leaves=leaves, goes_to=goes_to, elsewhere=elsewhere, held_seconds=held_seconds
        )
        reply = await self._service.request("POST", f"{_N}/moves", json=question)
        _check_refusal(reply)
        return _read(reply, Move).goes_to

    async def confirm_move(self, goes_to: str) -> Claim:
        """Bind the new claim and release the old one, in one step. Raises NotFound; Conflict when it has expired."""
        return _read(await self._service.request("PUT", f"{_move_path(goes_to)}/confirm"), Claim)

    async def revert_move(self, goes_to: str) -> None:
        """Release the new claim. Raises NotFound; Conflict (kind ``placement.move_confirmed``)."""
        _check(await self._service.request("DELETE", _move_path(goes_to)))

    async def moves(self, owner: str = "") -> AsyncIterator[Move]:
        """Every move that is neither confirmed nor reverted, or those of one owner."""
        marker = ""
        while True:
            query = {"owner": owner, "marker": marker}
            page = _read(await self._service.request("GET", f"{_N}/moves", query=query), Moves)
            for move in page.moves:
                yield move
            marker = page.next_marker
            if not marker:
                return

    async def usage(self, project_id: str, user_id: str = "") -> dict[str, int]:
        """Sums over the live claims of a project (of one user in it), per resource class."""
        return (await self.whole_usage(project_id, user_id)).usage

    async def whole_usage(self, project_id: str, user_id: str = "") -> Usage:
        """The same sums, and which part of them owners that move hold twice, so to speak: in the place they leave."""
        query = {"project_id": project_id, "user_id": user_id}
        return _read(await self._service.request("GET", f"{_N}/usage", query=query), Usage)

    async def put_provider(self, provider_id: str, report: ProviderReport) -> Provider:
        """Say what a provider has; nothing is written when nothing changed. Raises Conflict (its name is taken)."""
        return _read(await self._service.request("PUT", _provider_path(provider_id), json=report), Provider)

    async def change_provider(self, provider_id: str, change: ProviderChange) -> Provider:
        """Enable, disable, mark down, set zone or aggregates. Raises NotFound."""
        return _read(await self._service.request("PATCH", _provider_path(provider_id), json=change), Provider)

    async def delete_provider(self, provider_id: str) -> None:
        """Remove it; one that is gone is gone. Raises Conflict while there are claims on it."""
        _check(await self._service.request("DELETE", _provider_path(provider_id)))

    async def get_provider(self, provider_id: str) -> ProviderUse:
        """A provider with what is used of it. Raises NotFound."""
        return _read(await self._service.request("GET", _provider_path(provider_id)), ProviderUse)

    async def providers(self) -> tuple[ProviderUse, ...]:
        """Every provider, by name."""
        return _read(await self._service.request("GET", f"{_N}/providers"), Providers).providers

    async def tree(self, provider_id: str) -> tuple[ProviderUse, ...]:
        """A provider and all others of its tree, by name; empty when it does not exist."""
        query = {"in_tree": provider_id}
        return _read(await self._service.request("GET", f"{_N}/providers", query=query), Providers).providers


def _claim_path(claim_id: str) -> str:
    return f"{_N}/claims/{quote(claim_id, safe='')}"


def _move_path(claim_id: str) -> str:
    return f"{_N}/moves/{quote(claim_id, safe='')}"


def _provider_path(provider_id: str) -> str:
    return f"{_N}/providers/{quote(provider_id, safe='')}"


def _check_refusal(reply: Reply) -> None:
    if reply.status == 409 and b'"explanation"' in reply.body:
        raise Refused(msgspec.json.decode(reply.body, type=Refusal).explanation)


def _read(reply: Reply, kind: type[T]) -> T:
    _check(reply)
    return msgspec.json.decode(reply.body, type=kind)


def _check(reply: Reply) -> None:
    if not reply.ok:
        _raise(reply)


def _raise(reply: Reply) -> NoReturn:
    kind = _ERRORS.get(reply.status, Unavailable)
    raise kind(reply.message(), kind=_code(reply))


def _code(reply: Reply) -> str | None:
    """Placement's own word for what is wrong."""
    try:
        plain: Any = reply.json()
        return str(plain["errors"][0]["code"])
    except (msgspec.DecodeError, KeyError, IndexError, TypeError):
        return None
