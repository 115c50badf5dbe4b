"""Whether hosts are up, by what we could hear: a silence counts only while somebody listened.

After a start, and after the bus was away, every host has the usual time to be heard again. Until then a host that was
silent before is neither up nor down: nothing new is decided about it.
"""

from __future__ import annotations

from kilonova_kit.bus import Bus
from kilonova_kit.clock import Clock

from kilonova_compute.model.hosts import DOWN_AFTER_SECONDS, Host


class Hearing:
    """Listens from now on."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus, self._clock = bus, clock
        self._since = clock()

    def is_up(self, host: Host) -> bool | None:
        """None: it cannot be said yet."""
        now = self._clock()
        if not self._bus.is_connected:
            self._since = now
        if host.forced_down or host.is_up(now):
            return not host.forced_down
        return None if now - self._since <= DOWN_AFTER_SECONDS else False
