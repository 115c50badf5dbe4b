"""``/usages``: what a project uses. An administrator or a service may ask about any, a reader about the own project."""

from __future__ import annotations

from typing import Any

from kilonova_kit.http.operations import Answer
from kilonova_kit.http.policy import Policy, admin_or_service
from kilonova_kit.http.versioned import Version

from kilonova_placement.api import schemas
from kilonova_placement.api.reading import ApiCall, check_accept, dated, read_parameters
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import usages

_CONSUMER_TYPES: Version = (1, 38)
#: Under the same name as the operation's own policy, which lets readers of any project in.
_ANY_PROJECT = Policy("placement:usages:any_project", admin_or_service)


async def show(call: ApiCall) -> Answer:
    check_accept(call)
    asked = call.request.get_param("project_id")
    if asked != call.identity.project_id:
        call.enforce(_ANY_PROJECT)
    given = read_parameters(call, schemas.list_usages(call.version)).last
    project_id, user_id = given["project_id"], given.get("user_id", "")
    if call.version < _CONSUMER_TYPES:
        found = await usages.of_project(call.app, project_id, user_id)
        return dated(types.ProjectUsages(usages={**found}), call)
    by_type = await usages.by_type(call.app, project_id, user_id, given.get("consumer_type", ""))
    plain: dict[str, Any] = {name: {**one.amounts, "consumer_count": one.consumers} for name, one in by_type.items()}
    return dated(types.ProjectUsages(usages=plain), call)
