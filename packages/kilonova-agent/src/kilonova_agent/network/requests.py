"""What agent and wirer say to each other: typed requests with a number, one answer for each, over a pair of pipes.

A frame is four bytes of length (big endian) and a MessagePack body. Every request may be repeated.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from kilonova_messages.wishes import PortWiring

_MAX_FRAME = 16 * 1024 * 1024


class WiredPort(msgspec.Struct, frozen=True, kw_only=True):
    """A port that is wired on this host; ``tap`` lies in the hub namespace."""

    port_id: str
    network_id: str
    guest_id: str
    tap: str


class EnsurePort(msgspec.Struct, frozen=True, kw_only=True, tag="ensure_port"):
    """Make the tap, its network and its rules match the wiring. Answer: ``ports`` holds this port."""

    guest_id: str
    wiring: PortWiring


class RemovePort(msgspec.Struct, frozen=True, kw_only=True, tag="remove_port"):
    """Remove the port, and its network's pieces when it was the last one."""

    port_id: str


class ListPorts(msgspec.Struct, frozen=True, kw_only=True, tag="list_ports"):
    """Say what is wired."""


class TearDown(msgspec.Struct, frozen=True, kw_only=True, tag="tear_down"):
    """Remove everything of this agent."""


Request = EnsurePort | RemovePort | ListPorts | TearDown


class Ask(msgspec.Struct, frozen=True):
    """A numbered request."""

    number: int
    request: Request


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to the request of that number; ``error`` is empty on success. Number 0 says "ready"."""

    number: int
    ports: tuple[WiredPort, ...] = ()
    error: str = ""
    unfit: bool = False


def encode_frame(message: Ask | Answer) -> bytes:
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(4, "big") + body


async def read_frame(reader: asyncio.StreamReader, kind: type[Any]) -> Any:
    """The next message; asyncio.IncompleteReadError when the other side is gone."""
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > _MAX_FRAME:
        raise msgspec.ValidationError(f"frame of {size} bytes")
    return msgspec.msgpack.decode(await reader.readexactly(size), type=kind)
