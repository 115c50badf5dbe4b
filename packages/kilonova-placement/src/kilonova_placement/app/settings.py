"""What an operator may set about placement."""

from __future__ import annotations

import msgspec


class PlacementSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``database`` is a URL (``sqlite:////path`` or ``postgresql+psycopg://...``). Times are seconds.

    ``multipliers``: how much each weigher counts (ram, vcpu, disk, preferred_traits); 0 is off, less than 0 packs.
    ``seed`` makes the choice between equals repeatable.
    """

    database: str
    held_seconds: float = 60.0
    reap_every: float = 5.0
    follow_every: float = 1.0
    prove_every: float = 60.0
    remember_released: float = 3600.0
    multipliers: dict[str, float] = {}
    seed: int | None = None
