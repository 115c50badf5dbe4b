"""What every rule is given: the transaction it works in, the time, the settings.

Rules are plain functions ``rule(work, ...)`` that run in a database thread; they may run again after a passing fault,
so they change nothing but the database.
"""

from __future__ import annotations

from dataclasses import dataclass

from kilonova_neighbours.identity.settings import IdentitySettings
from kilonova_neighbours.identity.store import Tx


@dataclass(slots=True, frozen=True)
class Work:
    """``now`` is seconds since the epoch."""

    tx: Tx
    now: float
    settings: IdentitySettings
