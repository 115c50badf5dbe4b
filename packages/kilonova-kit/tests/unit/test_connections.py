"""A client's connection: answers in one write, heads that come slowly or never end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kilonova_kit.http import connections
from kilonova_kit.http.connections import OneWrite
from kilonova_kit.http.serving import make_server


class Written:
    """A transport that remembers what was written, and when it was closed."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed_after = -1

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed_after = len(self.writes)

    def get_extra_info(self, name: str) -> str:
        return name


async def test_what_is_written_in_one_turn_leaves_together():
    under = Written()
    transport = OneWrite(under, asyncio.get_running_loop())
    transport.write(b"head ")
    transport.write(b"body")
    assert under.writes == []
    await asyncio.sleep(0)
    assert under.writes == [b"head body"]
    assert transport.get_extra_info("peername") == "peername"


async def test_much_is_written_at_once_and_nothing_is_lost_by_closing():
    under = Written()
    transport = OneWrite(under, asyncio.get_running_loop())
    transport.write(b"x" * 100_000)
    assert len(under.writes) == 1
    transport.writelines([b"the", b"end"])
    transport.close()
    assert (under.writes[1:], under.closed_after) == ([b"theend"], 2)
    await asyncio.sleep(0)
    assert len(under.writes) == 2


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Say how long the body was, and whether it was there at once."""
    whole, size, more = bool(scope.get(connections.WHOLE)), 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = f"{size} {whole}".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def _client() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connected to a server of its own."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = make_server(_echo, "127.0.0.1", 0)
    serving = asyncio.create_task(server.serve([listening]))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await serving


async def _read(reader: asyncio.StreamReader) -> bytes:
    """The next answer, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def test_a_body_that_came_with_its_head_is_marked_as_whole():
    async with _client() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
        assert (await _read(reader)).endswith(b"3 True")
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\nexpect: 100-continue\r\n\r\n")
        assert b" 100 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"abcdef")
        assert (await _read(reader)).endswith(b"6 False")


async def test_requests_that_are_sent_without_waiting_are_answered_in_their_order():
    async with _client() as (reader, writer):
        writer.write(
            b"".join(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (n, b"x" * n) for n in (1, 2, 3))
        )
        for number in (b"1 ", b"2 ", b"3 "):
            assert number in (await _read(reader)).rpartition(b"\r\n")[2]


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ", b"GE"])
async def test_a_head_that_does_not_come_to_its_end_is_given_up(begun: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.01)
    async with _client() as (reader, writer):
        writer.write(begun)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


async def test_whoever_connects_and_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.01)
    async with _client() as (reader, _):
        assert await reader.read() == b""


async def test_the_next_head_on_the_same_connection_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch):
    async with _client() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b" 200 " in await _read(reader)
        monkeypatch.setattr(connections, "HEAD_SECONDS", 0.01)
        writer.write(b"GET / HTTP/1.1\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


async def test_a_head_without_end_is_refused():
    async with _client() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nx-endless: ")
        answer = b""
        with contextlib.suppress(ConnectionError):  # what is sent after the answer may have it thrown away
            for _ in range(100):
                writer.write(b"y" * 4096)
                await writer.drain()
            answer = await reader.read()
        assert answer[:13] in (b"HTTP/1.1 431 ", b"")


async def test_a_head_in_pieces_is_read_to_its_end():
    async with _client() as (reader, writer):
        for piece in (b"GET / HT", b"TP/1.1\r\nho", b"st: x\r\nx-long: ", b"z" * 5000, b"\r\n\r\n"):
            writer.write(piece)
            await writer.drain()
        assert (await _read(reader)).endswith(b"0 True")
