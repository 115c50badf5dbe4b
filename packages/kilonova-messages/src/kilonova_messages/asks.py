"""Questions to a host that change nothing durable, answered at once."""

from __future__ import annotations

import msgspec
from kilonova_driver.types.guests import Diagnostics

from kilonova_messages.steps import StepError
from kilonova_messages.wishes import PortWiring


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


class PingAsk(msgspec.Struct, frozen=True, kw_only=True, tag="ping"):
    """Are you there?"""


Ask = ConsoleLogAsk | DiagnosticsAsk | WirePortsAsk | PingAsk


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an Ask: the one field that fits it, or an error."""

    console_log: bytes = b""
    diagnostics: Diagnostics | None = None
    error: StepError | None = None
