"""Clients that send their bodies slowly, or not at all: nobody is waited for without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from kilonova_kit.http import slow_clients
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.faults import compute_faults
from kilonova_kit.http.operations import Operation, Service
from kilonova_kit.http.policy import Policy, PolicyBook, anyone
from kilonova_kit.http.serving import FrontDoor


class Note(msgspec.Struct):
    text: str


class Nobody:
    async def identify(self, token: str) -> None:
        return None


async def _ready() -> list[str]:
    return []


async def _take_note(call: Any) -> Any:
    return {"text": call.body.text}


async def _take_pieces(call: Any) -> Any:
    return {"size": sum([len(piece) async for piece in call.request.stream])}


_FREE = {"policy": Policy("x", anyone), "public": True}
_SERVICE = Service(
    name="notes",
    prefix="/notes",
    base_path="",
    operations=(
        Operation(name="note", method="POST", path="/note", handler=_take_note, takes=Note, **_FREE),
        Operation(name="pieces", method="PUT", path="/pieces", handler=_take_pieces, **_FREE),
    ),
    faults=compute_faults,
)


async def _never(first: bytes = b"") -> AsyncIterator[bytes]:
    if first:
        yield first
    await asyncio.Event().wait()


async def _byte_by_byte(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(0)
        yield b"x"


async def _send(method: str, path: str, pieces: AsyncIterator[bytes]) -> tuple[int, dict[bytes, bytes], Any]:
    """Ask over ASGI, with a body that comes as ``pieces``."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        piece = await anext(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def deliver(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"x"), (b"transfer-encoding", b"chunked")], "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }  # fmt: skip
    door = FrontDoor(_ready, "1")
    door.mount(Edge(_SERVICE, None, Nobody(), PolicyBook(), "http://cloud"))
    async with asyncio.timeout(60):
        await door(scope, receive, deliver)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), msgspec.json.decode(body)


@pytest.mark.parametrize(("method", "path"), [("POST", "/notes/note"), ("PUT", "/notes/pieces")])
async def test_a_body_that_does_not_come_is_not_waited_for(
    method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "PATIENCE_SECONDS", 0.01)
    for begin in (b"", b"{"):
        status, headers, answer = await _send(method, path, _never(begin))
        assert (status, headers[b"connection"]) == (408, b"close")
        ((_, fault),) = answer.items()
        assert fault == {"code": 408, "message": "The request body did not come in time."}


async def test_a_body_that_trickles_is_given_up_though_each_piece_comes_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow_clients, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(slow_clients, "LEAST_RATE", 1e12)
    status, _, _ = await _send("PUT", "/notes/pieces", _byte_by_byte(10_000_000))
    assert status == 408


async def test_a_body_that_makes_progress_is_read_to_its_end() -> None:
    status, _, answer = await _send("PUT", "/notes/pieces", _byte_by_byte(5000))
    assert (status, answer) == (200, {"size": 5000})
