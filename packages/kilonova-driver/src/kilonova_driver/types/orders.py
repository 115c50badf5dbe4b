"""What every changing call carries."""

from __future__ import annotations

import msgspec


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, how new the wish is, and until when it is worth obeying.

    ``operation_id`` stays the same when a question is repeated: same id, same result, never a second effect.
    ``generation`` grows with every wish about one guest; a driver refuses an older one with ``Stale``.
    ``deadline`` is seconds since the epoch (UTC), by the controller's clock; 0 means none.
    """

    operation_id: str
    generation: int
    deadline: float = 0.0
