"""The agent's side of the wirer: starts it, starts it again whenever it dies, and asks it.

A request that was under way when the wirer died is asked again, once; every request may be repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Sequence

from kilonova_agent.network import requests
from kilonova_agent.network.errors import HostUnfit, NetworkError, WiringFailed
from kilonova_agent.network.requests import Answer, Ask, Request

_READY_SECONDS = 60
_CLOSE_SECONDS = 10
_LONGEST_PAUSE = 5.0
_LONGEST_LINE = 1024 * 1024


class HelperProcess:
    """One wirer, kept alive from ``start`` to ``close``."""

    def __init__(self, command: Callable[[], Sequence[str]], logger: logging.Logger) -> None:
        self._command, self._logger = command, logger
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        if self._keeper is None:
            self._closing = False
            self._keeper = asyncio.create_task(self._keep(), name="wirer")
        await self._until_ready()

    async def _until_ready(self) -> None:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise WiringFailed("the network helper does not start; its words are in the agent's log") from None

    async def ask(self, request: Request) -> Answer:
        """The answer to a request. HostUnfit or WiringFailed when it says no or does not come."""
        answer = await self._ask_once(request) or await self._ask_once(request)
        if answer is None:
            raise WiringFailed("the network helper died twice over this request")
        if answer.error:
            raise (HostUnfit if answer.unfit else WiringFailed)(answer.error)
        return answer

    async def _ask_once(self, request: Request) -> Answer | None:
        await self._until_ready()
        number = next(self._numbers)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            if self._process is None or self._process.stdin is None:
                return None
            self._process.stdin.write(requests.encode_frame(Ask(number, request)))
            await self._process.stdin.drain()
            return await future
        except ConnectionError:
            return None
        finally:
            self._waiting.pop(number, None)

    async def _keep(self) -> None:
        pause = 0.05
        while not self._closing:
            try:
                if await self._run():
                    pause = 0.05
            except (OSError, NetworkError) as error:
                self._logger.error("cannot start the network helper: %s", error)
            except Exception:  # whatever it was: without its keeper no port would ever be wired again
                self._logger.exception("the network helper is started again")
            if not self._closing:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run(self) -> bool:
        """Run one wirer until it ends; True if it became ready."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._command(), stdin=pipe, stdout=pipe, stderr=pipe, limit=_LONGEST_LINE
        )
        self._process = process
        words = asyncio.create_task(self._log_words(process))
        try:
            return await self._read_answers(process)
        finally:
            self._ready.clear()
            if process.returncode is None and not self._closing:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            status = await process.wait()
            await words
            self._process = None
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionResetError("the network helper ended"))
            if not self._closing:
                self._logger.warning("the network helper ended with status %s; starting it again", status)

    async def _read_answers(self, process: asyncio.subprocess.Process) -> bool:
        assert process.stdout is not None
        became_ready = False
        while True:
            try:
                answer: Answer = await requests.read_frame(process.stdout, Answer)
            except asyncio.IncompleteReadError:
                return became_ready
            if answer.number == 0:
                became_ready = True
                self._ready.set()
            elif (future := self._waiting.get(answer.number)) and not future.done():
                future.set_result(answer)

    async def _log_words(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await _line(process.stderr):
            level, _, words = line.decode(errors="replace").rstrip().partition(" ")
            known = logging.getLevelNamesMapping().get(level)
            self._logger.log(known or logging.INFO, "%s", words if known else f"{level} {words}")

    async def close(self) -> None:
        """End the wirer; what it has wired stays."""
        self._closing = True
        process, keeper, self._keeper = self._process, self._keeper, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
        if keeper is not None:
            # Without a process the keeper only waits for its next try, or has none to make.
            if process is None:
                keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)


async def _line(words: asyncio.StreamReader) -> bytes:
    """The next line, or what fits of it; nothing at the end. Read it must be: else its writer would wait for ever."""
    try:
        return await words.readline()
    except ValueError:  # the rest of a line that is too long was dropped
        return b"INFO (a line that is too long)\n"
