"""What agents say: heard once per group of controllers, checked against the subject, handed to whom it concerns.

The host's name in the subject was checked by the bus against the sender's credentials, so it is the one thing here that
is believed; what the message claims is checked by the store (generation, operation, host).
"""

from __future__ import annotations

import logging
from typing import Protocol

import msgspec
from kilonova_kit.bus import Bus, BusMessage
from kilonova_kit.errors import BadRequest, Unavailable
from kilonova_kit.logs import bind
from kilonova_messages import subjects
from kilonova_messages.encoding import decode_report, encode
from kilonova_messages.reports import (
    GuestEventReport,
    GuestsReport,
    Heartbeat,
    HostReport,
    ImagesReport,
    MetadataQuestion,
    Receipt,
)
from kilonova_messages.steps import StepReport

log = logging.getLogger(__name__)


class Listener(Protocol):
    """Who wants to know; each call returns when it is written down."""

    async def step_reported(self, cell: str, host_id: str, report: StepReport) -> Receipt: ...

    async def heart_beats(self, cell: str, host_id: str, beat: Heartbeat) -> Receipt: ...

    async def host_reported(self, cell: str, host_id: str, report: HostReport) -> Receipt: ...

    async def guests_reported(self, cell: str, host_id: str, report: GuestsReport) -> Receipt: ...

    async def guest_changed(self, cell: str, host_id: str, report: GuestEventReport) -> Receipt: ...

    async def images_reported(self, cell: str, host_id: str, report: ImagesReport) -> Receipt: ...

    async def metadata_asked(self, cell: str, host_id: str, question: MetadataQuestion) -> Receipt: ...


class Reports:
    """Listens to the reports of some cells."""

    def __init__(self, bus: Bus, listener: Listener) -> None:
        self._bus, self._listener = bus, listener

    async def start(self, cells: tuple[str, ...]) -> None:
        for cell in cells:
            await self._bus.subscribe(subjects.all_reports(cell), self._hear, queue="controllers")

    async def _hear(self, message: BusMessage) -> bytes | None:
        cell, host_id = message.subject.split(".")[1], subjects.reporting_host(message.subject)
        with bind(host_id=host_id):
            try:
                report = decode_report(message.data)
            except msgspec.DecodeError as error:
                log.error("a report of host %s cannot be read and is dropped: %s", host_id, error)
                return encode(Receipt(refused="unreadable"))
            try:
                receipt = await self._dispatch(cell, host_id, report)
            except BadRequest as error:  # what it says cannot be; saying it again makes it no better
                log.warning("a report of host %s is refused: %s", host_id, error)
                receipt = Receipt(refused="impossible")
            except Unavailable as error:  # no receipt: the host says it again
                log.info("a report of host %s waits: %s", host_id, error.message)
                return None
            return encode(receipt)

    async def _dispatch(self, cell: str, host_id: str, report: object) -> Receipt:
        match report:
            case StepReport():
                return await self._listener.step_reported(cell, host_id, report)
            case Heartbeat():
                return await self._listener.heart_beats(cell, host_id, report)
            case HostReport():
                return await self._listener.host_reported(cell, host_id, report)
            case GuestsReport():
                return await self._listener.guests_reported(cell, host_id, report)
            case GuestEventReport():
                return await self._listener.guest_changed(cell, host_id, report)
            case ImagesReport():
                return await self._listener.images_reported(cell, host_id, report)
            case MetadataQuestion():
                return await self._listener.metadata_asked(cell, host_id, report)
        return Receipt(refused="unknown")
