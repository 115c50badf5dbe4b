"""What ``app`` needs to know of the database: a transaction's type, and when to run it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

#: A transaction; only ``store`` calls its methods.
Tx = Connection


#: Values in one statement: PostgreSQL takes 65,535 and SQLite 32,766, and whoever lists all networks names them all.
_CHUNK = 5_000


def in_chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """The values, as many at a time as a statement may name."""
    whole = list(values)
    return (whole[start : start + _CHUNK] for start in range(0, len(whole), _CHUNK))


def is_collision(error: BaseException) -> bool:
    """Whether another transaction took, or removed, the same thing at the same moment: a new run sees it."""
    return isinstance(error, IntegrityError)
