"""Wire and unwire a guest's ports; a passing failure of the host network is tried again a few times."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from kilonova_messages.wishes import PortWiring

from kilonova_agent.errors import NetworkFailed
from kilonova_agent.network.errors import NetworkError

if TYPE_CHECKING:  # the host network's libraries are large, and simulated hosts need none of them
    from kilonova_agent.network.host_network import GuestNetwork

log = logging.getLogger(__name__)

_PAUSES = (0.2, 1.0)
T = TypeVar("T")


async def wire(network: GuestNetwork, guest_id: str, ports: Iterable[PortWiring]) -> dict[str, str]:
    """Port id -> tap, in the order of the ports. NetworkFailed."""
    return {
        port.port_id: await _tried(f"port {port.port_id}", partial(network.ensure_port, guest_id, port))
        for port in ports
    }


async def unwire(network: GuestNetwork, port_ids: Iterable[str]) -> None:
    """Make the ports be gone; gone already is success. NetworkFailed."""
    for port_id in port_ids:
        await _tried(f"port {port_id}", partial(network.remove_port, port_id))


async def wired(network: GuestNetwork, guest_id: str) -> list[str]:
    """The ports that are wired for a guest, whatever its wish says. NetworkFailed."""
    return [port.port_id for port in await _tried("the host's ports", network.ports) if port.guest_id == guest_id]


async def _tried(what: str, work: Callable[[], Awaitable[T]]) -> T:
    for pause in (*_PAUSES, None):
        try:
            return await work()
        except NetworkError as error:
            if pause is None or not error.retryable:
                words = f"{what}: {error.message}"
                raise NetworkFailed(words, retryable=error.retryable) from error
            log.info("%s: tried again, since %s", what, error.message)
            await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")
