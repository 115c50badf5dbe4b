"""What an operator may set about placement."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class PlacementSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``database`` is a URL (``sqlite:////path`` or ``postgresql+psycopg://...``). Times are seconds.

    ``multipliers``: how much each weigher counts, by its name (``deciding/weighers``); 0 is off, less than 0 packs.
    ``most``: how many ``guests`` a host may have, and how many ``arriving`` within a minute, where nothing else is said
    of it. ``own``: the operator's own constraints and weighers (``app/own.py``), in the order they are applied.
    ``seed`` makes the choice between equals repeatable.
    """

    database: str
    held_seconds: float = 60.0
    reap_every: float = 5.0
    follow_every: float = 1.0
    prove_every: float = 60.0
    remember_released: float = 3600.0
    multipliers: dict[str, float] = {}
    most: dict[Literal["guests", "arriving"], Annotated[int, msgspec.Meta(ge=0)]] = {}
    own: tuple[str, ...] = ()
    seed: int | None = None

    @property
    def limits(self) -> dict[str, int]:
        """``most``, by plain names."""
        return {str(name): number for name, number in self.most.items()}
