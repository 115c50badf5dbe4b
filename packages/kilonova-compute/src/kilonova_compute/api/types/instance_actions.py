"""The record of what was done to a server, as ``os-instance-actions`` shows it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from kilonova_kit.http.versioned import since
from msgspec import UNSET, UnsetType


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One step. ``result`` is Success, Error, or None while it runs."""

    event: str
    start_time: str
    finish_time: str | None
    result: str | None
    traceback: str | UnsetType | None = UNSET
    host: Annotated[str | UnsetType | None, since(2, 62)] = UNSET
    host_id_hash: Annotated[str, since(2, 62)] = msgspec.field(name="hostId", default="")
    details: Annotated[str | UnsetType | None, since(2, 84)] = UNSET


class ActionView(msgspec.Struct, frozen=True, kw_only=True):
    """One action. ``events`` only where a single action is shown."""

    action: str
    instance_uuid: str
    request_id: str
    user_id: str | None
    project_id: str | None
    start_time: str
    message: str | None
    updated_at: Annotated[str | None, since(2, 58)] = None
    events: list[EventView] | UnsetType = UNSET


class ActionList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A server's actions, the newest first."""

    actions: list[ActionView] = msgspec.field(name="instanceActions")
    links: Annotated[list[dict[str, str]], since(2, 58)] = []


class ActionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"instanceAction": ...}``."""

    action: ActionView = msgspec.field(name="instanceAction")


class ActionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Paging, from 2.58 on."""

    limit: Annotated[list[str], since(2, 58)] = []
    marker: Annotated[list[str], since(2, 58)] = []
    changes_since: Annotated[list[str], since(2, 58)] = msgspec.field(name="changes-since", default_factory=list)
    changes_before: Annotated[list[str], since(2, 66)] = msgspec.field(name="changes-before", default_factory=list)
