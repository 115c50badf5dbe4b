"""How a record looks: a line of text for people, or a JSON object for machines.

Text: every line that a record takes (a traceback, a message with line breaks) begins with the same time, level, logger
and ids, so that ``grep`` by an id finds all of it and nobody can forge a line by a line break in a name.
JSON: one object on one line, a traceback in its ``traceback``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from kilonova_kit.logs.context import ID_NAMES, current_ids, ids_of
from kilonova_kit.logs.redaction import redact

_encoder = msgspec.json.Encoder()


def record_ids(record: logging.LogRecord) -> Mapping[str, str]:
    """The ids its error was raised under, those bound now, those given by ``extra=``: the last win."""
    error = record.exc_info[1] if record.exc_info else None
    found = {**ids_of(error), **current_ids()}
    for name in ID_NAMES:
        if value := record.__dict__.get(name):
            found[name] = str(value)
    return {name: found[name] for name in ID_NAMES if name in found}


def timestamp(seconds: float) -> str:
    """UTC in ISO 8601 with milliseconds."""
    millis = int(seconds * 1000)
    return f"{_second(millis // 1000)}.{millis % 1000:03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class _Format(logging.Formatter):
    """What both have in common: the message and the traceback, without secrets."""

    def message_of(self, record: logging.LogRecord) -> str:
        return redact(record.getMessage())

    def traceback_of(self, record: logging.LogRecord) -> str:
        parts = [self.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return redact("\n".join(parts))


class TextFormat(_Format):
    """``2026-01-31T12:00:00.123Z INFO kilonova_compute.app [request_id=req-1] message``."""

    def format(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={_printable(value)}" for name, value in record_ids(record).items())
        prefix = f"{timestamp(record.created)} {record.levelname} {record.name} " + (f"[{ids}] " if ids else "")
        message, *rest = self.message_of(record).splitlines() or [""]
        lines = [*rest, *self.traceback_of(record).splitlines()]
        return "\n".join([prefix + _printable(message), *(f"{prefix}| {_printable(line)}" for line in lines)])


class JsonFormat(_Format):
    """An object with ``time``, ``level``, ``logger``, ``message``, the ids, and ``traceback`` when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": self.message_of(record),
            **record_ids(record),
        }
        if traceback := self.traceback_of(record):
            entry["traceback"] = traceback
        return _encoder.encode(entry).decode()


def _printable(line: str) -> str:
    """Control characters spelled out: a log shown on a terminal must not steer it."""
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in line)
