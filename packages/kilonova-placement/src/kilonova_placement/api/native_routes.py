"""The URLs of the native API: claims, explanations, providers."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, admin_or_service

from kilonova_placement.api import claims, providers
from kilonova_placement.api.types.native import ClaimsQuery, UsageQuery
from kilonova_placement.model.claims import Claim
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.providers import Provider, ProviderChange, ProviderReport, ProviderUse
from kilonova_placement.model.questions import (
    ClaimQuestion,
    Claims,
    ExplainQuestion,
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
        returns=Providers,
        summary="Every provider with what is used of it.",
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
