"""An aggregate: hosts grouped by an operator; one with an availability zone puts its hosts there."""

from __future__ import annotations

import msgspec

ZONE = "availability_zone"
#: Where hosts are that no aggregate puts elsewhere.
USUAL_ZONE = "nova"


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """``hosts`` are names. The zone is an item of the metadata, as it always was in the public API."""

    uuid: str
    name: str
    number: int = 0
    hosts: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    created_at: float = 0.0
    updated_at: float | None = None

    @property
    def zone(self) -> str | None:
        return self.metadata.get(ZONE)
