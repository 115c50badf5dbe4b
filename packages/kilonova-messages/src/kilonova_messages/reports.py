"""What an agent reports of itself, its host and its guests, and what it is answered."""

from __future__ import annotations

import msgspec
from kilonova_driver.types.inventory import Capabilities, Inventory

from kilonova_messages.steps import StepReport
from kilonova_messages.wishes import GuestMetadata

#: Images that a host names at most, the newest of those that it has.
MOST_IMAGES = 128


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat"):
    """The host lives. ``clock`` is its time, so that a wrong clock is seen; ``working`` names operations in hand."""

    boot_id: str
    agent_version: str
    clock: float
    started_at: float
    working: tuple[str, ...] = ()


class HostReport(msgspec.Struct, frozen=True, kw_only=True, tag="host"):
    """What the host has: sent at start and when it changes."""

    hostname: str
    address: str
    capabilities: Capabilities
    inventory: Inventory


class GuestState(msgspec.Struct, frozen=True, kw_only=True):
    """One guest as the host sees it."""

    guest_id: str
    generation: int
    power: str
    reason: str = ""


class GuestsReport(msgspec.Struct, frozen=True, kw_only=True, tag="guests"):
    """Every guest of the host: sent at start, and from time to time; what is not here does not exist there."""

    guests: tuple[GuestState, ...]
    taken_at: float


class GuestEventReport(msgspec.Struct, frozen=True, kw_only=True, tag="guest_event"):
    """A guest changed by itself."""

    guest: GuestState
    at: float


class ImagesReport(msgspec.Struct, frozen=True, kw_only=True, tag="images"):
    """The ids of the images that the host has whole and verified: sent at start, and when the set has changed.

    At most ``MOST_IMAGES``. A host that has never said this may have any.
    """

    images: tuple[str, ...]


class MetadataQuestion(msgspec.Struct, frozen=True, kw_only=True, tag="metadata_question"):
    """What does this guest's metadata say now? Only asked about guests of the asking host."""

    server_id: str


Report = StepReport | Heartbeat | HostReport | GuestsReport | GuestEventReport | ImagesReport | MetadataQuestion


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The controller has written it down (or will never want it): do not send it again.

    ``refused`` says why a report was dropped: ``stale`` (an older generation), ``unknown`` (no such step),
    ``not_yours`` (the server is on another host), empty when it counted. ``metadata`` answers a question.
    """

    refused: str = ""
    metadata: GuestMetadata | None = None
