"""The URL table of flavors, their extra specs and their access lists."""

from __future__ import annotations

from typing import Any

from kilonova_kit.http.operations import Operation

from kilonova_compute.api import flavor_access, flavor_extra_specs, flavors, policies
from kilonova_compute.api.policies import admins, reading
from kilonova_compute.api.types.flavors import (
    BriefFlavorList,
    CreateFlavor,
    ExtraSpecs,
    FlavorAccessList,
    FlavorAnswer,
    FlavorList,
    FlavorQuery,
    SpecKey,
    SpecValue,
    UpdateFlavor,
)

_STRICT_LISTS = (2, 75)
_STRICT = (2, 102)
_ONE_SPEC = dict[SpecKey, SpecValue]
_DESCRIPTION = (2, 55)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="flavors.index",
        method="GET",
        path="/flavors",
        handler=flavors.index,
        policy=policies.FLAVORS,
        returns=BriefFlavorList,
        query=FlavorQuery,
        strict_query=_STRICT_LISTS,
        summary="List flavors.",
    ),
    Operation(
        name="flavors.detail",
        method="GET",
        path="/flavors/detail",
        handler=flavors.detail,
        policy=policies.FLAVORS,
        returns=FlavorList,
        query=FlavorQuery,
        strict_query=_STRICT_LISTS,
        summary="List flavors with all that is known of them.",
    ),
    Operation(
        name="flavors.show",
        method="GET",
        path="/flavors/{flavor_id}",
        handler=flavors.show,
        policy=policies.FLAVORS,
        returns=FlavorAnswer,
        strict_query=_STRICT,
        summary="Show a flavor.",
    ),
    Operation(
        name="flavors.create",
        method="POST",
        path="/flavors",
        handler=flavors.create,
        policy=policies.FLAVOR_CREATE,
        takes=CreateFlavor,
        returns=FlavorAnswer,
        summary="Make a flavor.",
    ),
    Operation(
        name="flavors.update",
        method="PUT",
        path="/flavors/{flavor_id}",
        handler=flavors.update,
        policy=policies.FLAVOR_UPDATE,
        takes=UpdateFlavor,
        returns=FlavorAnswer,
        since=_DESCRIPTION,
        summary="Describe a flavor.",
    ),
    Operation(
        name="flavors.delete",
        method="DELETE",
        path="/flavors/{flavor_id}",
        handler=flavors.delete,
        policy=policies.FLAVOR_DELETE,
        status=202,
        summary="Delete a flavor.",
    ),
    Operation(
        name="flavors.act",
        method="POST",
        path="/flavors/{flavor_id}/action",
        handler=flavor_access.act,
        policy=policies.FLAVORS,
        takes=dict[str, Any],
        returns=FlavorAccessList,
        summary="Let a project use a private flavor, or no longer.",
    ),
    Operation(
        name="flavor_access.index",
        method="GET",
        path="/flavors/{flavor_id}/os-flavor-access",
        handler=flavor_access.index,
        policy=policies.FLAVOR_ACCESS,
        returns=FlavorAccessList,
        strict_query=_STRICT,
        summary="List the projects that may use a private flavor.",
    ),
    Operation(
        name="flavor_extra_specs.index",
        method="GET",
        path="/flavors/{flavor_id}/os-extra_specs",
        handler=flavor_extra_specs.index,
        policy=policies.FLAVOR_EXTRA_SPECS,
        returns=ExtraSpecs,
        strict_query=_STRICT,
        summary="List a flavor's extra specs.",
    ),
    Operation(
        name="flavor_extra_specs.create",
        method="POST",
        path="/flavors/{flavor_id}/os-extra_specs",
        handler=flavor_extra_specs.create,
        policy=admins("os-flavor-extra-specs:create"),
        takes=ExtraSpecs,
        returns=ExtraSpecs,
        summary="Add extra specs to a flavor.",
    ),
    Operation(
        name="flavor_extra_specs.show",
        method="GET",
        path="/flavors/{flavor_id}/os-extra_specs/{key}",
        handler=flavor_extra_specs.show,
        policy=reading("os-flavor-extra-specs:show"),
        returns=dict[str, str],
        strict_query=_STRICT,
        summary="Show one of a flavor's extra specs.",
    ),
    Operation(
        name="flavor_extra_specs.update",
        method="PUT",
        path="/flavors/{flavor_id}/os-extra_specs/{key}",
        handler=flavor_extra_specs.update,
        policy=admins("os-flavor-extra-specs:update"),
        takes=_ONE_SPEC,
        returns=_ONE_SPEC,
        summary="Set one of a flavor's extra specs.",
    ),
    Operation(
        name="flavor_extra_specs.delete",
        method="DELETE",
        path="/flavors/{flavor_id}/os-extra_specs/{key}",
        handler=flavor_extra_specs.delete,
        policy=admins("os-flavor-extra-specs:delete"),
        summary="Remove one of a flavor's extra specs.",
    ),
)
