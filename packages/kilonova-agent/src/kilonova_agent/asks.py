"""Questions to this host, answered at once: console log, diagnostics, ports to wire afresh, images to have, a ping."""

from __future__ import annotations

import logging

import msgspec
from kilonova_driver.driver import Diagnoses
from kilonova_driver.errors import GuestNotFound, Unsupported
from kilonova_kit.logs import bind
from kilonova_messages.asks import Answer, Ask, CacheImageAsk, ConsoleLogAsk, DiagnosticsAsk, PingAsk, WirePortsAsk
from kilonova_messages.steps import StepError
from kilonova_messages.wishes import GuestWish, PortWiring

from kilonova_agent.errors import as_step_error
from kilonova_agent.precaching import Precaching
from kilonova_agent.steps.wiring import wire
from kilonova_agent.steps.work import Host
from kilonova_agent.worker import Worker

log = logging.getLogger(__name__)

#: An answer must fit in a message of the bus.
_MOST_CONSOLE_BYTES = 512 * 1024


class Asks:
    """Answers for one host."""

    def __init__(self, host: Host, worker: Worker, precaching: Precaching) -> None:
        self._host, self._worker, self._precaching = host, worker, precaching

    async def answer(self, ask: Ask) -> Answer:
        """Never raises: what goes wrong is in the answer."""
        server_id = "" if isinstance(ask, PingAsk | CacheImageAsk) else ask.server_id
        with bind(server_id=server_id):
            try:
                return await self._answer(ask)
            except Exception as problem:
                error = as_step_error(problem)
                if error is None:
                    log.exception("the question %s failed", type(ask).__name__)
                    error = StepError(code="internal", message=f"the agent failed: {type(problem).__name__}")
                return Answer(error=error)

    async def _answer(self, ask: Ask) -> Answer:
        match ask:
            case ConsoleLogAsk():
                size = min(ask.max_bytes, _MOST_CONSOLE_BYTES)
                return Answer(console_log=await self._host.driver.console_log(ask.server_id, size))
            case DiagnosticsAsk():
                return Answer(diagnostics=await self._diagnosing().diagnostics(ask.server_id))
            case WirePortsAsk():
                await self._worker.alone(ask.server_id, lambda: self._wire(ask))
                return Answer()
            case CacheImageAsk():
                return Answer(image=self._precaching.ask(ask.source))
            case PingAsk():
                return Answer()

    def _diagnosing(self) -> Diagnoses:
        driver, capabilities = self._host.driver, self._host.capabilities
        if "diagnostics" not in capabilities.talents or not isinstance(driver, Diagnoses):
            raise Unsupported(f"the driver {capabilities.name} gives no diagnostics")
        return driver

    async def _wire(self, ask: WirePortsAsk) -> None:
        """Write the new wiring into the wish, then wire it. Raises GuestNotFound for a guest that is not here."""
        record = self._host.records.get(ask.server_id)
        if record is None or record.wish is None:
            raise GuestNotFound(f"guest {ask.server_id} is not on this host")
        known = {port.port_id for port in record.wish.ports}
        changed = {port.port_id: port for port in ask.ports if port.port_id in known}
        self._host.records.put(msgspec.structs.replace(record, wish=_rewired(record.wish, changed)))
        await wire(self._host.network, ask.server_id, changed.values())


def _rewired(wish: GuestWish, changed: dict[str, PortWiring]) -> GuestWish:
    """The hostname of a port comes with the guest's own wish: later wirings may not know it."""
    ports = tuple(
        msgspec.structs.replace(
            changed.get(port.port_id, port), hostname=changed.get(port.port_id, port).hostname or port.hostname
        )
        for port in wish.ports
    )
    return msgspec.structs.replace(wish, ports=ports)
