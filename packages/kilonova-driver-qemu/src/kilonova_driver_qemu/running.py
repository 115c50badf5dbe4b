"""One living QEMU process as we see it: its monitor, its run state, its end.

``status`` is written only by this object's own tasks, from QEMU's events, and is "gone" for ever once the process
has ended. A lost monitor is connected again for as long as the process lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from kilonova_driver.errors import DriverError, Transient

from kilonova_driver_qemu.monitor import Monitor
from kilonova_driver_qemu.process import Watch

GONE = "gone"
SHUT_DOWN = "shutdown"
_MOVES = frozenset({"STOP", "RESUME", "SHUTDOWN", "RESET", "GUEST_PANICKED", "BLOCK_IO_ERROR", "SUSPEND", "WAKEUP"})
#: What "quit" may take: it closes the disks, which writes out what they hold.
QUIT_SECONDS = 5.0
RECONNECT_SECONDS = 0.5


class Running:
    """A process and the connection to it. ``changed`` is called after every change of ``status``."""

    def __init__(self, watch: Watch, monitor: Monitor | None, socket: Path, changed: Callable[[], None]) -> None:
        self.watch = watch
        self.status = "running"
        #: What QEMU said of the last failed write, for the reason of a guest that was halted by it.
        self.disk_trouble = ""
        self._monitor = monitor
        self._socket = socket
        self._changed = changed
        self._moved = asyncio.Event()
        self._tasks = (asyncio.create_task(self._follow()), asyncio.create_task(self._await_end()))

    @property
    def pid(self) -> int:
        return self.watch.identity.pid

    def _set(self, status: str) -> None:
        if status == self.status or self.status == GONE:
            return
        self.status = status
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        self._changed()

    async def _await_end(self) -> None:
        await self.watch.ended.wait()
        self._set(GONE)

    async def _follow(self) -> None:
        while not self.watch.ended.is_set():
            with contextlib.suppress(DriverError):
                await self._follow_connection(self._monitor or await Monitor.connect(self._socket, 10.0))
            self._monitor = None
            await self.watch.wait(RECONNECT_SECONDS)

    async def _follow_connection(self, monitor: Monitor) -> None:
        self._monitor = monitor
        try:
            self._set(await monitor.status())
            async for event in monitor.events():
                if event["event"] == "BLOCK_IO_ERROR":
                    data = event["data"]
                    self.disk_trouble = f"{data.get('operation')} on {data.get('node-name')}: {data.get('reason')}"
                if event["event"] in _MOVES:
                    self._set(await monitor.status())
        finally:
            await monitor.close()

    async def until(self, statuses: Collection[str], seconds: float) -> bool:
        """Wait for one of these states, or the end of the process; False when it has not come in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.status not in statuses and self.status != GONE:
                    await self._moved.wait()
        return self.status in statuses or self.status == GONE

    async def ask(self, command: str, arguments: dict[str, object] | None = None) -> Any:
        """Run a monitor command. Raises Transient while there is no connection."""
        if self._monitor is None:
            raise Transient("QEMU's monitor does not answer now")
        return await self._monitor.ask(command, arguments)

    async def order(self, command: str) -> None:
        """Run a command that changes the run state, and take note of the new one before it returns."""
        await self.ask(command)
        self._set(str((await self.ask("query-status"))["status"]))

    async def end(self, *, quickly: bool = False) -> bool:
        """End the process: by its monitor so that its disks are closed, else by signal 9. False if it will not die."""
        if not quickly:
            with contextlib.suppress(DriverError):
                await self.ask("quit")
            if await self.watch.wait(QUIT_SECONDS):
                return True
        self.watch.send(signal.SIGKILL)
        return await self.watch.wait(QUIT_SECONDS)

    async def close(self) -> None:
        """Let go of the process without touching it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._monitor is not None:
            await self._monitor.close()
        self.watch.close()
