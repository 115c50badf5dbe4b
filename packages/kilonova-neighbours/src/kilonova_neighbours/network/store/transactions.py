"""What ``app`` needs to know of the database: a transaction's type, and when to run it again."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

#: A transaction; only ``store`` calls its methods.
Tx = Connection


def is_collision(error: BaseException) -> bool:
    """Whether another transaction took, or removed, the same thing at the same moment: a new run sees it."""
    return isinstance(error, IntegrityError)
