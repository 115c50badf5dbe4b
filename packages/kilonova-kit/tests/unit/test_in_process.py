"""Services called without a socket: what streams ends with its reader, and says why when it does not begin."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kilonova_kit.errors import Unavailable
from kilonova_kit.http.client import InProcess


class Endless:
    """An application that sends pieces for as long as somebody takes them."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.begun, self.over = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.set()
        try:
            if self.silent:
                await asyncio.Event().wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        finally:
            self.over.set()


async def _until_alone() -> None:
    """Wait until no task is left but this one."""
    async with asyncio.timeout(20):
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)


async def test_a_stream_ends_when_its_reader_goes_away() -> None:
    endless = Endless()
    reply = await InProcess(endless, "/image").stream("GET", "/v2/images/x/file", {})
    chunks = reply.chunks
    assert await anext(chunks) == b"piece"
    await asyncio.sleep(0)  # the next pieces fill the queue meanwhile
    await chunks.aclose()
    await _until_alone()
    assert endless.over.is_set()


async def test_a_stream_that_has_not_begun_ends_when_nobody_waits_for_it() -> None:
    endless = Endless(silent=True)
    asking = asyncio.create_task(InProcess(endless, "/image").stream("GET", "/", {}))
    await endless.begun.wait()
    asking.cancel()
    await _until_alone()
    assert endless.over.is_set()


async def test_an_application_that_fails_before_it_answers_is_away_and_says_why() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("broken")

    with pytest.raises(Unavailable) as caught:
        await InProcess(broken, "/image").stream("GET", "/", {})
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_stream_that_breaks_off_tells_its_reader() -> None:
    async def breaking(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        raise ValueError("broken")

    reply = await InProcess(breaking, "/image").stream("GET", "/", {})
    with pytest.raises(ValueError, match="broken"):
        assert [chunk async for chunk in reply.chunks] == [b"piece"]
