"""Processes that outlive us: start one, know it again, watch its end, end it.

Invariants:
- A process is named by (pid, start time in clock ticks since boot, boot id); a pid alone proves nothing.
- A guest's process inherits the flock on the guest's lock file. Whoever can take that lock knows that no process of
  that guest is left, whatever the records say; so a guest never has two.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec
from kilonova_driver.errors import Internal, NoResources

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
#: What Python ignores, or a parent may have blocked, must be as usual in the child.
_PLAIN_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Enough to be sure that a pid is still the same process."""

    pid: int
    start_ticks: int
    boot_id: str


def boot_id() -> str:
    return _BOOT_ID.read_text().strip()


def identify(pid: int) -> Identity | None:
    """Take the identity of a living process; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX":
        return None
    return Identity(pid=pid, start_ticks=int(fields[19]), boot_id=boot_id())


def is_alive(identity: Identity) -> bool:
    return identify(identity.pid) == identity


def take_lock(path: Path) -> int | None:
    """Lock a guest's file and give the descriptor; None while its process holds the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def is_locked(path: Path) -> bool:
    """Say whether a process of the guest holds the lock; a missing file is not locked."""
    if not path.exists():
        return False
    descriptor = take_lock(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def spawn(command: Sequence[str], *, complaints: int, inherited: Sequence[int]) -> int:
    """Start a detached program (own session, no input, output to ``complaints``) and give its pid.

    Raises Internal when the program cannot be started, NoResources when the host has no process or memory left.
    """
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
    copies = [(os.POSIX_SPAWN_DUP2, complaints, 1), (os.POSIX_SPAWN_DUP2, complaints, 2)]
    # Copying a descriptor to itself is how posix_spawn clears close-on-exec in the child, and only there.
    copies += [(os.POSIX_SPAWN_DUP2, descriptor, descriptor) for descriptor in inherited]
    try:
        return os.posix_spawn(
            command[0],
            list(command),
            _ENVIRONMENT,
            file_actions=[*actions, *copies],
            setsid=True,
            setsigmask=(),
            setsigdef=_PLAIN_SIGNALS,
        )
    except (BlockingIOError, MemoryError) as error:
        raise NoResources(f"the host cannot start another process: {error}") from error
    except OSError as error:
        raise Internal(f"cannot start {command[0]}: {error.strerror}") from error


class Watch:
    """Sees the end of one process, a child of ours or not, through a pidfd. ``ended`` is set once, for ever."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.ended = asyncio.Event()
        #: The wait status if the process was our child, None if nobody told us.
        self.status: int | None = None
        self._pidfd = self._open()

    def _open(self) -> int:
        try:
            pidfd = os.pidfd_open(self.identity.pid)
        except ProcessLookupError:
            self._reap()
            self.ended.set()
            return -1
        # Checked after the pidfd is held: from here on the pid cannot become another process unseen.
        if not is_alive(self.identity):
            os.close(pidfd)
            self._reap()
            self.ended.set()
            return -1
        asyncio.get_running_loop().add_reader(pidfd, self._on_end)
        return pidfd

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(self.identity.pid, os.WNOHANG)
            if pid:
                self.status = status

    def _on_end(self) -> None:
        self._reap()
        self.close()
        self.ended.set()

    def close(self) -> None:
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def send(self, number: signal.Signals) -> None:
        """Signal exactly this process; gone is fine."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def wait(self, seconds: float) -> bool:
        """Wait for the end; False when it has not come in time."""
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                await self.ended.wait()
        except TimeoutError:
            return False
        return True


def describe_status(status: int | None) -> str:
    """Say in words how a process ended."""
    if status is None:
        return "its process is gone"
    if os.WIFSIGNALED(status):
        return f"its process was killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"its process ended with exit code {os.waitstatus_to_exitcode(status)}"


def find_holder(lock: Path) -> int | None:
    """Find the process that has the lock file open (the driver died between starting it and writing that down)."""
    wanted = str(lock.resolve())
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()) and wanted in _open_files(entry):
            return int(entry.name)
    return None


def _open_files(entry: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for link in (entry / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found
