"""Column types that are the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Json(TypeDecorator[Any]):
    """Plain data as JSON text, by msgspec. None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


class StringList(Json):
    """A list of strings as JSON text; NULL reads as an empty list."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[str]:
        return [] if value is None else msgspec.json.decode(value, type=list[str])
