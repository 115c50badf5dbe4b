"""The URLs of placement, one table: the native API, and the OpenStack Placement API."""

from __future__ import annotations

from typing import Any

import msgspec
from kilonova_kit.http.identity import Identity
from kilonova_kit.http.operations import Handler, NoQuery, Operation
from kilonova_kit.http.policy import Policy, Rule, admin_or_service, anyone, reader, service
from kilonova_kit.http.versioned import Version

from kilonova_placement.api import (
    aggregates,
    allocation_candidates,
    allocations,
    claims,
    inventories,
    providers,
    resource_classes,
    resource_providers,
    root,
    traits,
    usages,
)
from kilonova_placement.api.types import placement as types
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


def _in_project(rule: Rule) -> Rule:
    """The real service takes no tokens of the whole system."""

    def check(identity: Identity) -> bool:
        return rule(identity) and not identity.system_scope

    return check


def _line(
    policy: str,
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    *,
    name: str = "",
    rule: Rule = admin_or_service,
    since: Version = (1, 0),
    status: int = 200,
    takes: Any = None,
    returns: Any = None,
    query: type[msgspec.Struct] = NoQuery,
) -> Operation:
    """An operation of the Placement API; its handler reads query and body itself, in the real service's words."""
    return Operation(
        name=name or policy,
        method=method,
        path=path,
        handler=handler,
        policy=Policy(f"placement:{policy}", _in_project(rule)),
        takes=takes,
        returns=returns,
        query=query,
        since=since,
        status=status,
        reads_itself=True,
        summary=summary,
    )


_RP = "/resource_providers/{uuid}"

PLACEMENT = (
    Operation(
        name="root",
        method="GET",
        path="//",
        handler=root.root,
        policy=Policy("placement:root", anyone),
        returns=types.Versions,
        public=True,
        summary="The versions of the API.",
    ),
    _line(
        "resource_classes:list",
        "GET",
        "/resource_classes",
        resource_classes.index,
        "Every resource class.",
        since=(1, 2),
        returns=types.ResourceClasses,
    ),
    _line(
        "resource_classes:create",
        "POST",
        "/resource_classes",
        resource_classes.create,
        "Make a custom resource class.",
        since=(1, 2),
        status=201,
        takes=types.ClassName,
    ),
    _line(
        "resource_classes:show",
        "GET",
        "/resource_classes/{name}",
        resource_classes.show,
        "A resource class.",
        since=(1, 2),
        returns=types.ResourceClass,
    ),
    _line(
        "resource_classes:update",
        "PUT",
        "/resource_classes/{name}",
        resource_classes.update,
        "Rename a class; from 1.7 on make it unless it exists, without a body.",
        since=(1, 2),
        returns=types.ResourceClass,
    ),
    _line(
        "resource_classes:delete",
        "DELETE",
        "/resource_classes/{name}",
        resource_classes.delete,
        "Delete a custom resource class.",
        since=(1, 2),
        status=204,
    ),
    _line(
        "resource_providers:list",
        "GET",
        "/resource_providers",
        resource_providers.index,
        "Providers, all or those that match.",
        query=types.ProvidersQuery,
        returns=types.ResourceProviders,
    ),
    _line(
        "resource_providers:create",
        "POST",
        "/resource_providers",
        resource_providers.create,
        "Make a provider.",
        takes=types.CreateResourceProvider,
        returns=types.ResourceProvider,
    ),
    _line(
        "resource_providers:show", "GET", _RP, resource_providers.show, "A provider.", returns=types.ResourceProvider
    ),
    _line(
        "resource_providers:update",
        "PUT",
        _RP,
        resource_providers.update,
        "Rename a provider, or move it to another parent (1.37).",
        takes=types.UpdateResourceProvider,
        returns=types.ResourceProvider,
    ),
    _line(
        "resource_providers:delete",
        "DELETE",
        _RP,
        resource_providers.delete,
        "Delete a provider without allocations and children.",
        status=204,
    ),
    _line(
        "resource_providers:inventories:list",
        "GET",
        f"{_RP}/inventories",
        inventories.index,
        "What a provider has.",
        returns=types.Inventories,
    ),
    _line(
        "resource_providers:inventories:create",
        "POST",
        f"{_RP}/inventories",
        inventories.create,
        "Give a provider an inventory of one more class.",
        status=201,
        takes=types.CreateInventory,
        returns=types.OneInventory,
    ),
    _line(
        "resource_providers:inventories:update",
        "PUT",
        f"{_RP}/inventories",
        inventories.put_all,
        "Replace all that a provider has.",
        name="resource_providers:inventories:replace",
        takes=types.SetInventories,
        returns=types.Inventories,
    ),
    _line(
        "resource_providers:inventories:delete",
        "DELETE",
        f"{_RP}/inventories",
        inventories.delete_all,
        "Delete all that a provider has (1.5).",
        name="resource_providers:inventories:clear",
        status=204,
    ),
    _line(
        "resource_providers:inventories:show",
        "GET",
        f"{_RP}/inventories/{{resource_class}}",
        inventories.show,
        "What a provider has of one class.",
        returns=types.OneInventory,
    ),
    _line(
        "resource_providers:inventories:update",
        "PUT",
        f"{_RP}/inventories/{{resource_class}}",
        inventories.put,
        "Change what a provider has of one class.",
        takes=types.UpdateInventory,
        returns=types.OneInventory,
    ),
    _line(
        "resource_providers:inventories:delete",
        "DELETE",
        f"{_RP}/inventories/{{resource_class}}",
        inventories.delete,
        "Delete what a provider has of one class.",
        status=204,
    ),
    _line(
        "resource_providers:usages",
        "GET",
        f"{_RP}/usages",
        resource_providers.usages,
        "What is allocated of a provider.",
        returns=types.Usages,
    ),
    _line(
        "resource_providers:aggregates:list",
        "GET",
        f"{_RP}/aggregates",
        aggregates.show,
        "The aggregates of a provider.",
        since=(1, 1),
        returns=types.Aggregates,
    ),
    _line(
        "resource_providers:aggregates:update",
        "PUT",
        f"{_RP}/aggregates",
        aggregates.put,
        "Replace the aggregates of a provider; the body is a bare list before 1.19.",
        since=(1, 1),
        takes=types.SetAggregates,
        returns=types.Aggregates,
    ),
    _line(
        "resource_providers:traits:list",
        "GET",
        f"{_RP}/traits",
        traits.of_provider,
        "The traits of a provider.",
        since=(1, 6),
        returns=types.ProviderTraits,
    ),
    _line(
        "resource_providers:traits:update",
        "PUT",
        f"{_RP}/traits",
        traits.set_of_provider,
        "Replace the traits of a provider.",
        since=(1, 6),
        takes=types.SetTraits,
        returns=types.ProviderTraits,
    ),
    _line(
        "resource_providers:traits:delete",
        "DELETE",
        f"{_RP}/traits",
        traits.delete_of_provider,
        "Take all traits from a provider.",
        since=(1, 6),
        status=204,
    ),
    _line(
        "resource_providers:allocations:list",
        "GET",
        f"{_RP}/allocations",
        resource_providers.allocations,
        "Who has what of a provider.",
        returns=types.ProviderAllocations,
    ),
    _line(
        "allocations:manage",
        "POST",
        "/allocations",
        allocations.create,
        "Replace what several consumers have, all or none.",
        since=(1, 13),
        status=204,
        takes=types.ManyAllocations,
    ),
    _line(
        "allocations:list",
        "GET",
        "/allocations/{consumer_uuid}",
        allocations.show,
        "What a consumer has.",
        returns=types.Allocations,
    ),
    _line(
        "allocations:update",
        "PUT",
        "/allocations/{consumer_uuid}",
        allocations.put,
        "Replace what a consumer has; a list of allocations before 1.12.",
        status=204,
        takes=types.SetAllocations,
    ),
    _line(
        "allocations:delete",
        "DELETE",
        "/allocations/{consumer_uuid}",
        allocations.delete,
        "Release everything that a consumer has.",
        status=204,
    ),
    _line(
        "allocation_candidates:list",
        "GET",
        "/allocation_candidates",
        allocation_candidates.index,
        "Where a request could be allocated; groups are told by a suffix of resources, required, member_of, in_tree.",
        since=(1, 10),
        query=types.CandidatesQuery,
        returns=types.Candidates,
    ),
    _line(
        "traits:list",
        "GET",
        "/traits",
        traits.index,
        "Traits.",
        since=(1, 6),
        query=types.TraitsQuery,
        returns=types.Traits,
    ),
    _line("traits:show", "GET", "/traits/{name}", traits.show, "Whether a trait exists.", since=(1, 6), status=204),
    _line(
        "traits:update",
        "PUT",
        "/traits/{name}",
        traits.put,
        "Make a custom trait unless it exists.",
        since=(1, 6),
        status=201,
    ),
    _line(
        "traits:delete", "DELETE", "/traits/{name}", traits.delete, "Delete a custom trait.", since=(1, 6), status=204
    ),
    _line(
        "usages",
        "GET",
        "/usages",
        usages.show,
        "What a project uses.",
        since=(1, 9),
        rule=reader,
        query=types.UsagesQuery,
        returns=types.ProjectUsages,
    ),
    _line(
        "reshaper:reshape",
        "POST",
        "/reshaper",
        allocations.reshape,
        "Move inventories and allocations between providers in one step.",
        rule=service,
        since=(1, 30),
        status=204,
        takes=types.Reshape,
    ),
)

OPERATIONS: tuple[Operation, ...] = (*PLACEMENT, *NATIVE)
