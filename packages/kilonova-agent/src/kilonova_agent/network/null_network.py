"""For drivers whose guests need no host network: remembers what was asked for and touches nothing."""

from __future__ import annotations

from kilonova_messages.wishes import PortWiring

from kilonova_agent.network import names
from kilonova_agent.network.requests import WiredPort


class NullNetwork:
    """The face of ``HostNetwork`` without a network behind it."""

    def __init__(self) -> None:
        self._ports: dict[str, WiredPort] = {}

    async def start(self) -> None:
        """Nothing needs starting."""

    async def close(self) -> None:
        """Nothing needs closing."""

    async def ensure_port(self, guest_id: str, wiring: PortWiring) -> str:
        tap = names.tap(wiring.port_id)
        self._ports[wiring.port_id] = WiredPort(
            port_id=wiring.port_id, network_id=wiring.network_id, guest_id=guest_id, tap=tap
        )
        return tap

    async def remove_port(self, port_id: str) -> None:
        self._ports.pop(port_id, None)

    async def ports(self) -> tuple[WiredPort, ...]:
        return tuple(self._ports[port_id] for port_id in sorted(self._ports))

    def launcher(self) -> tuple[str, ...]:
        return ()

    def command_in(self, network_id: str) -> tuple[str, ...]:
        """Guests of such drivers have no network to be reached by."""
        return ()

    async def tear_down(self) -> None:
        self._ports.clear()
