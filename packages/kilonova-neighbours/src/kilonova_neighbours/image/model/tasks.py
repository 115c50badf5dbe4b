"""A task: how an import went, for those who ask (``GET /v2/images/{id}/tasks``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

#: How long a finished task is kept, as Glance's ``task_time_to_live``.
KEPT_SECONDS = 48 * 3600


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """``status`` is pending, processing, success or failure."""

    id: str
    type: str
    status: str
    owner: str | None
    image_id: str | None
    request_id: str | None
    user_id: str | None
    input: Mapping[str, Any]
    result: Mapping[str, Any] | None = None
    message: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    expires_at: float | None = None
