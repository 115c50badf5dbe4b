"""Server groups."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer, Call, NoQuery
from msgspec import UNSET

from kilonova_compute.api import list_pages
from kilonova_compute.api.types.server_groups import (
    CreateGroup,
    GroupAnswer,
    GroupList,
    GroupQuery,
    GroupView,
    NewGroup,
)
from kilonova_compute.api.types.values import as_positive, whole_text
from kilonova_compute.app import server_groups as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.server_groups import ServerGroup

_SOFT = (2, 15)
_ONE_POLICY = (2, 64)


async def index(call: Call[Compute, None, GroupQuery]) -> GroupList:
    everybodys = bool(call.query.all_projects) and call.identity.is_admin
    start = whole_text("offset", call.query.offset[-1]) if call.query.offset else 0
    size = list_pages.page_size(call, call.query.limit) or call.app.page_limit
    found = await app.listed(call.app, None if everybodys else call.identity.project_id or "", start, size)
    return GroupList(server_groups=[_view(group) for group in found])


async def show(call: Call[Compute, None, NoQuery]) -> GroupAnswer:
    return GroupAnswer(server_group=_view(await app.find(call.app, call.identity, call.path["group_id"])))


async def create(call: Call[Compute, CreateGroup, NoQuery]) -> GroupAnswer:
    wanted = call.body.server_group
    policy, rules = _policy(call, wanted), dict[str, int]()
    if wanted.rules is not UNSET and wanted.rules.max_server_per_host is not UNSET:
        if policy != "anti-affinity":
            raise BadRequest("Only anti-affinity policy supports rules.")
        rules = {"max_server_per_host": as_positive("max_server_per_host", wanted.rules.max_server_per_host)}
    group = await app.create(call.app, call.identity, wanted.name.strip(), policy, rules)
    return GroupAnswer(server_group=_view(group))


def _policy(call: Call[Compute, CreateGroup, NoQuery], wanted: NewGroup) -> str:
    if call.version >= _ONE_POLICY:
        if wanted.policy is UNSET:
            raise BadRequest("Invalid input for field/attribute server_group. 'policy' is a required property")
        return wanted.policy
    if wanted.policies is UNSET:
        raise BadRequest("Invalid input for field/attribute server_group. 'policies' is a required property")
    if len(wanted.policies) != 1:
        raise BadRequest(f"Invalid input for field/attribute policies. Value: {wanted.policies}. One must be given.")
    policy = wanted.policies[0]
    if call.version < _SOFT and policy.startswith("soft-"):
        raise BadRequest(f"Invalid input for field/attribute 0. Value: {policy}. '{policy}' is not one of the policies")
    return policy


async def delete(call: Call[Compute, None, NoQuery]) -> Answer:
    await app.delete(call.app, call.identity, call.path["group_id"])
    return Answer()


def _view(group: ServerGroup) -> GroupView:
    return GroupView(
        id=group.id,
        name=group.name,
        members=list(group.members),
        policies=[group.policy],
        policy=group.policy,
        rules=group.rules,
        project_id=group.project_id,
        user_id=group.user_id,
    )
