"""Quotas of projects, of users in them, and of the default class."""

from __future__ import annotations

from typing import Any

import msgspec
from kilonova_kit.http.operations import Answer, Call, NoQuery
from kilonova_kit.http.policy import Policy
from msgspec import UNSET, UnsetType

from kilonova_compute.api import policies
from kilonova_compute.api.types.limits import (
    QuotaClassAnswer,
    QuotaClassView,
    QuotaQuery,
    QuotaSetAnswer,
    QuotaSetView,
    UpdateQuotaClass,
    UpdateQuotaSet,
)
from kilonova_compute.api.types.values import as_bool
from kilonova_compute.app import quotas as app
from kilonova_compute.app.compute import Compute

QuotaCall = Call[Compute, None, QuotaQuery]


def _own_or(call: Call[Compute, Any, Any], of_others: Policy) -> str:
    """The project that is asked about. Raises Forbidden for another's."""
    project_id = call.path["project_id"]
    if project_id != call.identity.project_id:
        call.enforce(of_others)
    return project_id


def _user(call: Call[Compute, Any, QuotaQuery]) -> str:
    return call.query.user_id[0] if call.query.user_id else ""


async def show(call: QuotaCall) -> QuotaSetAnswer:
    project_id = _own_or(call, policies.QUOTAS_OF_OTHERS)
    have = await app.shown(call.app, project_id, _user(call))
    return _answer(project_id, {name: quota.limit for name, quota in have.items()})


async def detail(call: QuotaCall) -> QuotaSetAnswer:
    project_id = _own_or(call, policies.QUOTA_DETAILS_OF_OTHERS)
    have = await app.shown(call.app, project_id, _user(call))
    shown = {name: {"in_use": quota.in_use, "limit": quota.limit, "reserved": 0} for name, quota in have.items()}
    return _answer(project_id, shown)


async def defaults(call: Call[Compute, None, NoQuery]) -> QuotaSetAnswer:
    return _answer(call.path["project_id"], await app.defaults(call.app))


async def update(call: Call[Compute, UpdateQuotaSet, QuotaQuery]) -> QuotaSetAnswer:
    wanted = call.body.quota_set
    force = as_bool("force", wanted.force)
    amounts = await app.put(call.app, call.path["project_id"], _user(call), _given(wanted), force=force)
    return _answer(UNSET, amounts)


def _given(wanted: msgspec.Struct) -> dict[str, int]:
    """What is to be set. ``networks`` is taken, as it always was, and kept by nobody."""
    fields = msgspec.structs.asdict(wanted)
    return {name: value for name, value in fields.items() if value is not UNSET and name not in ("force", "networks")}


async def delete(call: QuotaCall) -> Answer:
    await app.forget(call.app, call.path["project_id"], _user(call))
    return Answer()


def _answer(project_id: str | UnsetType, amounts: dict[str, Any]) -> QuotaSetAnswer:
    return QuotaSetAnswer(quota_set=QuotaSetView(id=project_id, **amounts))


# --- classes


async def show_class(call: Call[Compute, None, NoQuery]) -> QuotaClassAnswer:
    amounts: dict[str, Any] = dict(await app.class_amounts(call.app, call.path["name"]))
    return QuotaClassAnswer(quota_class_set=QuotaClassView(id=call.path["name"], **amounts))


async def update_class(call: Call[Compute, UpdateQuotaClass, NoQuery]) -> QuotaClassAnswer:
    amounts: dict[str, Any] = dict(await app.put_class(call.app, call.path["name"], _given(call.body.quota_class_set)))
    return QuotaClassAnswer(quota_class_set=QuotaClassView(**amounts))
