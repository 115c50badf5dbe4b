"""Questions to a host, answered at once: they change nothing that the host must remember."""

from __future__ import annotations

import msgspec
from kilonova_driver.types.guests import Diagnostics

from kilonova_messages.steps import StepError
from kilonova_messages.wishes import ImageSource, PortWiring


class ConsoleLogAsk(msgspec.Struct, frozen=True, kw_only=True, tag="console_log"):
    """The tail of a guest's serial console."""

    server_id: str
    max_bytes: int


class DiagnosticsAsk(msgspec.Struct, frozen=True, kw_only=True, tag="diagnostics"):
    """The measurements of one guest."""

    server_id: str


class WirePortsAsk(msgspec.Struct, frozen=True, kw_only=True, tag="wire_ports"):
    """Wire these ports of a guest afresh: rules, addresses or their group members have changed."""

    server_id: str
    ports: tuple[PortWiring, ...]


class CacheImageAsk(msgspec.Struct, frozen=True, kw_only=True, tag="cache_image"):
    """Have this image at hand. Answered at once with how it stands: the host fetches it for as long as it is asked.

    A fetch that failed is answered with its error, once; asked again, the host begins anew.
    """

    source: ImageSource


class PingAsk(msgspec.Struct, frozen=True, kw_only=True, tag="ping"):
    """Are you there?"""


Ask = ConsoleLogAsk | DiagnosticsAsk | WirePortsAsk | CacheImageAsk | PingAsk


class ImageState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the host has an image whole and verified; while it has not, ``waits`` says what holds the fetch up."""

    cached: bool
    waits: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an Ask: the one field that fits it, or an error."""

    console_log: bytes = b""
    diagnostics: Diagnostics | None = None
    image: ImageState | None = None
    error: StepError | None = None
