"""Steps and questions to hosts. A step is only a hint here: the journal is the truth, and it is asked again."""

from __future__ import annotations

from kilonova_driver.types.guests import Diagnostics
from kilonova_kit.bus import Bus, BusError
from kilonova_kit.errors import BadRequest, Conflict, NotFound, Unavailable
from kilonova_messages import subjects
from kilonova_messages.asks import (
    Answer,
    Ask,
    CacheImageAsk,
    ConsoleLogAsk,
    DiagnosticsAsk,
    ImageState,
    WirePortsAsk,
)
from kilonova_messages.encoding import decode_answer, encode
from kilonova_messages.steps import StepError, StepRequest
from kilonova_messages.wishes import ImageSource, PortWiring

_ASK_SECONDS = 10.0


class HostLink:
    """The way to the agents of every cell."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def send_step(self, cell: str, host_id: str, request: StepRequest) -> None:
        """Ask a host to run a step; never fails, for the step is asked again after a silence."""
        await self._bus.publish(subjects.work(cell, host_id), encode(request))

    async def console_log(self, cell: str, host_id: str, server_id: str, max_bytes: int) -> bytes:
        return (await self._ask(cell, host_id, ConsoleLogAsk(server_id=server_id, max_bytes=max_bytes))).console_log

    async def diagnostics(self, cell: str, host_id: str, server_id: str) -> Diagnostics:
        answer = await self._ask(cell, host_id, DiagnosticsAsk(server_id=server_id))
        if answer.diagnostics is None:
            raise Unavailable("the host gave no diagnostics")
        return answer.diagnostics

    async def wire_ports(self, cell: str, host_id: str, server_id: str, ports: tuple[PortWiring, ...]) -> None:
        await self._ask(cell, host_id, WirePortsAsk(server_id=server_id, ports=ports))

    async def cache_image(self, cell: str, host_id: str, source: ImageSource) -> ImageState | StepError:
        """How an image stands that the host is to have. Raises Unavailable when the host does not answer."""
        answer = await self._answer(cell, host_id, CacheImageAsk(source=source))
        return answer.error or answer.image or StepError(code="internal", message="the host gave no answer to that")

    async def _answer(self, cell: str, host_id: str, ask: Ask) -> Answer:
        """Raises Unavailable when the host does not answer."""
        try:
            return decode_answer(await self._bus.request(subjects.ask(cell, host_id), encode(ask), _ASK_SECONDS))
        except BusError as error:
            raise Unavailable("the host of this server does not answer now; try again") from error

    async def _ask(self, cell: str, host_id: str, ask: Ask) -> Answer:
        """Raises Unavailable when the host does not answer, else what its error says."""
        answer = await self._answer(cell, host_id, ask)
        if answer.error is not None:
            raise _as_error(answer.error)
        return answer


def _as_error(error: StepError) -> Exception:
    kinds = {"guest_not_found": NotFound, "conflict": Conflict, "unsupported": BadRequest}
    return kinds.get(error.code, Unavailable)(error.message)
