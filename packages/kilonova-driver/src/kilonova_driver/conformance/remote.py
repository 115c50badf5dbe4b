"""A driver in a process of its own, seen from the kit: the same calls, and ``kill``.

Killing an object inside one's own process is not the real thing: its sockets stay open, its timers go on, and its
guests' processes become zombies of ours. So drivers that must die get a process.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import cast

import msgspec

from kilonova_driver.conformance.verdicts import CheckFailed, DriverDied
from kilonova_driver.conformance.wire import LINE_LIMIT, METHODS, Answer, Call
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.errors import FAMILY
from kilonova_driver.types.guests import Guest, GuestSpec
from kilonova_driver.types.orders import Order
from kilonova_driver.types.settings import DriverSettings


class RemoteDriver:
    """The calls of the contract (no events), carried out elsewhere. Made by ``start_remote``."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Path) -> None:
        self._process = process
        self._writer = writer
        self._log = log
        self._number = 0
        self._waiting: dict[int, tuple[str, asyncio.Future[object]]] = {}
        self._reading = asyncio.create_task(self._read(reader))

    async def list_guests(self) -> tuple[Guest, ...]:
        return cast(tuple[Guest, ...], await self._call("list_guests"))

    async def get_guest(self, guest_id: str) -> Guest:
        return cast(Guest, await self._call("get_guest", guest_id))

    async def ensure_guest(self, order: Order, spec: GuestSpec, power: PowerTarget) -> Guest:
        return cast(Guest, await self._call("ensure_guest", order, spec, power))

    async def set_power(
        self, order: Order, guest_id: str, target: PowerTarget, mode: Mode, grace_seconds: float
    ) -> Guest:
        return cast(Guest, await self._call("set_power", order, guest_id, target, mode, grace_seconds))

    async def reboot(self, order: Order, guest_id: str, mode: Mode, grace_seconds: float) -> Guest:
        return cast(Guest, await self._call("reboot", order, guest_id, mode, grace_seconds))

    async def remove_guest(self, order: Order, guest_id: str) -> None:
        await self._call("remove_guest", order, guest_id)

    async def pause(self, order: Order, guest_id: str) -> Guest:
        return cast(Guest, await self._call("pause", order, guest_id))

    async def kill_guest_for_check(self, guest_id: str) -> None:
        await self._call("kill_guest_for_check", guest_id)

    async def close(self) -> None:
        """Close the driver, then end its process in peace."""
        await self._call("close")
        await self._end()

    async def kill(self) -> None:
        """End the process with signal 9, in the middle of whatever it does."""
        if self._process.returncode is None:
            self._process.kill()
        await self._end()

    async def _end(self) -> None:
        self._writer.close()
        await self._process.wait()
        await self._reading

    async def _call(self, method: str, *arguments: object) -> object:
        self._number += 1
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = (method, future)
        raw = [msgspec.Raw(msgspec.json.encode(argument)) for argument in arguments]
        self._writer.write(msgspec.json.encode(Call(number=self._number, method=method, arguments=raw)) + b"\n")
        return await future

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._settle(msgspec.json.decode(line, type=Answer))
        except ConnectionError:
            pass  # the process was killed while it wrote: the same as the end of the stream
        for method, future in self._waiting.values():
            if not future.done():
                future.set_exception(DriverDied(f"the driver's process ended during {method}: {tail(self._log)}"))
        self._waiting.clear()

    def _settle(self, answer: Answer) -> None:
        method, future = self._waiting.pop(answer.number)
        if future.done():
            return
        if answer.error in FAMILY:
            future.set_exception(FAMILY[answer.error](answer.message))
        elif answer.error:
            future.set_exception(CheckFailed(f"an error outside the family left {method}: {answer.message}"))
        else:
            future.set_result(msgspec.json.decode(answer.value, type=METHODS[method][1]))


async def start_remote(source: str, settings: DriverSettings, log: Path) -> RemoteDriver:
    """Start the driver in a process of its own. Raises CheckFailed when it does not come up."""
    ours, theirs = socket.socketpair()
    command = (sys.executable, "-m", "kilonova_driver.conformance.child", source, str(theirs.fileno()))
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
    theirs.close()
    reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_LIMIT)
    writer.write(msgspec.json.encode(settings) + b"\n")
    if not await reader.readline():
        writer.close()
        await process.wait()
        raise CheckFailed(f"the driver did not start in a process of its own: {tail(log)}")
    return RemoteDriver(process, reader, writer, log)


def tail(log: Path) -> str:
    """The last lines that the process wrote."""
    text = log.read_text(errors="replace").strip()
    return " | ".join(text.splitlines()[-3:]) or "it said nothing"
