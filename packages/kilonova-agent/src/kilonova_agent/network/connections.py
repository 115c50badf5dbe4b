"""Ends the connections of a port whose rules became fewer or which is gone.

The firewall lets known connections pass, so a rule that is taken away would hold for new ones only, and a guest that
gets an old address would inherit what was open to it. Connections carry the halves of their two ports in their mark
(``firewall``). Ending one too many does no harm: its next packet is judged by the rules like a first one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

from kilonova_agent.network import names
from kilonova_agent.network.firewall import GuardedPort

# pyroute2 declares no types.
_CONNTRACK: Any = NFCTSocket


def revoked(before: Sequence[GuardedPort], after: Iterable[GuardedPort]) -> list[str]:
    """The ports that were allowed more than they are now."""
    now = {port.wiring.port_id: port.wiring for port in after}
    return [port.wiring.port_id for port in before if not _as_much(port, now.get(port.wiring.port_id))]


def _as_much(before: GuardedPort, now: object) -> bool:
    wiring = before.wiring
    return (
        isinstance(now, type(wiring))
        and set(wiring.rules) <= set(now.rules)
        and (wiring.network_id, wiring.mac, wiring.fixed_ips) == (now.network_id, now.mac, now.fixed_ips)
    )


def end_connections(port_ids: Sequence[str]) -> None:
    """Forget the connections of these ports, in this thread's namespace."""
    conntrack = _CONNTRACK()
    try:
        for port_id in port_ids:
            half = names.connection_half(port_id)
            conntrack.flush(mark=half, mark_mask=0xFFFF)
            conntrack.flush(mark=half << 16, mark_mask=0xFFFF0000)
    finally:
        conntrack.close()
