"""The URL table of limits, quotas and usage."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation

from kilonova_compute.api import limits, quotas, usage
from kilonova_compute.api.policies import admins, everyone, reading
from kilonova_compute.api.types.limits import (
    LimitsAnswer,
    LimitsQuery,
    QuotaClassAnswer,
    QuotaQuery,
    QuotaSetAnswer,
    UpdateQuotaClass,
    UpdateQuotaSet,
    UsageAnswer,
    UsageList,
    UsageQuery,
)

_STRICT_QUERY = (2, 75)
_STRICT = (2, 102)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="limits.index",
        method="GET",
        path="/limits",
        handler=limits.index,
        policy=everyone("limits"),
        returns=LimitsAnswer,
        query=LimitsQuery,
        strict_query=_STRICT_QUERY,
        summary="Show what a project may have and has.",
    ),
    Operation(
        name="quotas.show",
        method="GET",
        path="/os-quota-sets/{project_id}",
        handler=quotas.show,
        policy=reading("os-quota-sets:show"),
        returns=QuotaSetAnswer,
        query=QuotaQuery,
        strict_query=_STRICT_QUERY,
        summary="Show a project's quotas.",
    ),
    Operation(
        name="quotas.update",
        method="PUT",
        path="/os-quota-sets/{project_id}",
        handler=quotas.update,
        policy=admins("os-quota-sets:update"),
        takes=UpdateQuotaSet,
        returns=QuotaSetAnswer,
        query=QuotaQuery,
        strict_query=_STRICT_QUERY,
        summary="Set a project's quotas.",
    ),
    Operation(
        name="quotas.delete",
        method="DELETE",
        path="/os-quota-sets/{project_id}",
        handler=quotas.delete,
        policy=admins("os-quota-sets:delete"),
        query=QuotaQuery,
        strict_query=_STRICT_QUERY,
        status=202,
        summary="Give a project the usual quotas again.",
    ),
    Operation(
        name="quotas.detail",
        method="GET",
        path="/os-quota-sets/{project_id}/detail",
        handler=quotas.detail,
        policy=reading("os-quota-sets:detail"),
        returns=QuotaSetAnswer,
        query=QuotaQuery,
        strict_query=_STRICT_QUERY,
        summary="Show a project's quotas with their use.",
    ),
    Operation(
        name="quotas.defaults",
        method="GET",
        path="/os-quota-sets/{project_id}/defaults",
        handler=quotas.defaults,
        policy=everyone("os-quota-sets:defaults"),
        returns=QuotaSetAnswer,
        strict_query=_STRICT,
        summary="Show the usual quotas.",
    ),
    Operation(
        name="quotas.show_class",
        method="GET",
        path="/os-quota-class-sets/{name}",
        handler=quotas.show_class,
        policy=admins("os-quota-class-sets:show"),
        returns=QuotaClassAnswer,
        strict_query=_STRICT,
        summary="Show the quotas of a class.",
    ),
    Operation(
        name="quotas.update_class",
        method="PUT",
        path="/os-quota-class-sets/{name}",
        handler=quotas.update_class,
        policy=admins("os-quota-class-sets:update"),
        takes=UpdateQuotaClass,
        returns=QuotaClassAnswer,
        summary="Set the quotas of a class.",
    ),
    Operation(
        name="usage.index",
        method="GET",
        path="/os-simple-tenant-usage",
        handler=usage.index,
        policy=admins("os-simple-tenant-usage:list"),
        returns=UsageList,
        query=UsageQuery,
        strict_query=_STRICT_QUERY,
        summary="List what projects used in a period.",
    ),
    Operation(
        name="usage.show",
        method="GET",
        path="/os-simple-tenant-usage/{project_id}",
        handler=usage.show,
        policy=reading("os-simple-tenant-usage:show"),
        returns=UsageAnswer,
        query=UsageQuery,
        strict_query=_STRICT_QUERY,
        summary="Show what a project used in a period.",
    ),
)
