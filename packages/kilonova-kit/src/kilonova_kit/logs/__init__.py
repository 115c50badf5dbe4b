"""Logs: the standard ``logging``, with the ids of the work in hand on every line and no secrets in it.

At start:

    configure_logging(format="json", level="INFO")        # uvicorn: log_config=None

Where work begins on somebody's behalf:

    with bind(request_id=request_id, project_id=project_id):
        log.info("building %s", name)                     # ... [request_id=req-1 project_id=p] building web

``bind(...).keep()`` holds until the task ends. ``extra={"server_id": ...}`` names an id for one line. An error that
leaves a ``bind`` block is logged with the ids of that block wherever it is caught.
"""

from __future__ import annotations

from kilonova_kit.logs.configuration import LogFormat, configure_logging
from kilonova_kit.logs.context import bind, current_ids
from kilonova_kit.logs.redaction import redact

__all__ = ["LogFormat", "bind", "configure_logging", "current_ids", "redact"]
