"""The one place where logging is set up: one handler at the root, everybody's records through it."""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO

from kilonova_kit.logs.formats import JsonFormat, TextFormat

LogFormat = Literal["text", "json"]

#: Libraries that bring handlers or chatter of their own, and what is still of interest of them.
_LIBRARIES = {
    "uvicorn": logging.WARNING,
    "uvicorn.error": logging.WARNING,
    "uvicorn.access": logging.WARNING,  # our own edge logs requests, with their ids
    "uvicorn.asgi": logging.WARNING,
    "falcon": logging.WARNING,
    "nats": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "asyncio": logging.WARNING,
    "qemu": logging.WARNING,
}


def configure_logging(
    format: LogFormat = "text",
    level: str = "INFO",
    stream: TextIO | None = None,
) -> None:
    """Send all records of ``level`` and above to ``stream`` (standard error by default). May be called again.

    Run uvicorn with ``log_config=None``, or it puts its own handlers back. ValueError when the level has no such name.
    """
    root = logging.getLogger()
    root.setLevel(level.upper())
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormat() if format == "json" else TextFormat())
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    for name, least in _LIBRARIES.items():
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(max(least, root.level))
    logging.captureWarnings(capture=True)
    _collect_only_what_is_shown()


def _collect_only_what_is_shown() -> None:
    """Our lines show no source line, thread or process, and to find them is a third of a line's cost (logging docs)."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
