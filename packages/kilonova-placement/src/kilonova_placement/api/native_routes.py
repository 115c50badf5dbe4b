"""The URLs of the native API: claims, explanations, providers."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, admin_or_service

from kilonova_placement.api import claims, moves, providers
from kilonova_placement.api.types.native import ClaimsQuery, ProvidersQuery, UsageQuery
from kilonova_placement.model.claims import Claim, Move
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.providers import Provider, ProviderChange, ProviderReport, ProviderUse
from kilonova_placement.model.questions import (
    ClaimQuestion,
    Claims,
    ExplainQuestion,
    MoveQuestion,
    Moves,
    Providers,
    Renewal,
    Usage,
)

_N = "/native/v1"


def _may(name: str) -> Policy:
    """The native API is for services and administrators."""
    return Policy(f"placement:native:{name}", admin_or_service)


NATIVE = (
    Operation(
        name="native_claims.create",
        method="POST",
        path=f"{_N}/claims",
        handler=claims.create,
        policy=_may("claims:create"),
        takes=ClaimQuestion,
        returns=Claims,
        summary="Choose and hold in one step: one claim per id, all or none. 409 explains a refusal.",
    ),
    Operation(
        name="native_claims.index",
        method="GET",
        path=f"{_N}/claims",
        handler=claims.index,
        policy=_may("claims:list"),
        query=ClaimsQuery,
        returns=Claims,
        summary="Live claims, all or of one owner.",
    ),
    Operation(
        name="native_claims.show",
        method="GET",
        path=f"{_N}/claims/{{claim_id}}",
        handler=claims.show,
        policy=_may("claims:show"),
        returns=Claim,
        summary="A claim, in any state.",
    ),
    Operation(
        name="native_claims.delete",
        method="DELETE",
        path=f"{_N}/claims/{{claim_id}}",
        handler=claims.delete,
        policy=_may("claims:delete"),
        status=204,
        summary="Release a claim; one that is gone is gone.",
    ),
    Operation(
        name="native_claims.bind",
        method="PUT",
        path=f"{_N}/claims/{{claim_id}}/bind",
        handler=claims.bind,
        policy=_may("claims:bind"),
        returns=Claim,
        summary="Make a held claim last.",
    ),
    Operation(
        name="native_claims.renew",
        method="PUT",
        path=f"{_N}/claims/{{claim_id}}/renew",
        handler=claims.renew,
        policy=_may("claims:renew"),
        takes=Renewal,
        body_optional=True,
        returns=Claim,
        summary="Hold a held claim for longer.",
    ),
    Operation(
        name="native_moves.create",
        method="POST",
        path=f"{_N}/moves",
        handler=moves.create,
        policy=_may("moves:create"),
        takes=MoveQuestion,
        returns=Move,
        summary="Choose and hold a second place for the owner of a bound claim. 409 explains a refusal.",
    ),
    Operation(
        name="native_moves.index",
        method="GET",
        path=f"{_N}/moves",
        handler=moves.index,
        policy=_may("moves:list"),
        query=ClaimsQuery,
        returns=Moves,
        summary="Moves that are neither confirmed nor reverted, all or of one owner.",
    ),
    Operation(
        name="native_moves.show",
        method="GET",
        path=f"{_N}/moves/{{claim_id}}",
        handler=moves.show,
        policy=_may("moves:show"),
        returns=Move,
        summary="The move to this claim, in any state.",
    ),
    Operation(
        name="native_moves.confirm",
        method="PUT",
        path=f"{_N}/moves/{{claim_id}}/confirm",
        handler=moves.confirm,
        policy=_may("moves:confirm"),
        returns=Claim,
        summary="Bind the new claim and release the one it leaves, in one step.",
    ),
    Operation(
        name="native_moves.revert",
        method="DELETE",
        path=f"{_N}/moves/{{claim_id}}",
        handler=moves.revert,
        policy=_may("moves:revert"),
        status=204,
        summary="Release the new claim; 409 when the move was confirmed.",
    ),
    Operation(
        name="native_explain",
        method="POST",
        path=f"{_N}/explain",
        handler=claims.explain,
        policy=_may("explain"),
        takes=ExplainQuestion,
        returns=Explanation,
        summary="What would happen to a request now; nothing is claimed.",
    ),
    Operation(
        name="native_usage",
        method="GET",
        path=f"{_N}/usage",
        handler=claims.usage,
        policy=_may("usage"),
        query=UsageQuery,
        returns=Usage,
        summary="Sums over a project's live claims.",
    ),
    Operation(
        name="native_providers.index",
        method="GET",
        path=f"{_N}/providers",
        handler=providers.index,
        policy=_may("providers:list"),
        query=ProvidersQuery,
        returns=Providers,
        summary="Every provider, or those of one tree, with what is used of them.",
    ),
    Operation(
        name="native_providers.show",
        method="GET",
        path=f"{_N}/providers/{{provider_id}}",
        handler=providers.show,
        policy=_may("providers:show"),
        returns=ProviderUse,
        summary="A provider with what is used of it.",
    ),
    Operation(
        name="native_providers.put",
        method="PUT",
        path=f"{_N}/providers/{{provider_id}}",
        handler=providers.put,
        policy=_may("providers:put"),
        takes=ProviderReport,
        returns=Provider,
        summary="Say what a provider has; made when it is new, answered without a write when nothing changed.",
    ),
    Operation(
        name="native_providers.change",
        method="PATCH",
        path=f"{_N}/providers/{{provider_id}}",
        handler=providers.change,
        policy=_may("providers:change"),
        takes=ProviderChange,
        returns=Provider,
        summary="Enable, disable, mark down, put into a zone or into aggregates.",
    ),
    Operation(
        name="native_providers.delete",
        method="DELETE",
        path=f"{_N}/providers/{{provider_id}}",
        handler=providers.delete,
        policy=_may("providers:delete"),
        status=204,
        summary="Remove a provider without claims and children.",
    ),
)
