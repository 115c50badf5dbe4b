"""Network namespaces: made, found, entered and removed by name.

As root they are what ``ip netns`` shows (``/run/netns``); in a user namespace the same files lie in a directory of
ours, whose mounts only exist inside. A namespace is entered by one thread for a moment, so everything else in the
process stays where it is; sockets keep the namespace in which they were made.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from kilonova_agent.network.errors import WiringFailed

ROOT_DIRECTORY = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_MNT_DETACH = 2
_Result = TypeVar("_Result")
_libc = ctypes.CDLL(None, use_errno=True)


class Namespaces:
    """The namespaces below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, name: str) -> Path:
        return self.directory / name

    def present(self) -> tuple[str, ...]:
        """Names whose file stands for a living namespace."""
        if not self.directory.is_dir():
            return ()
        return tuple(sorted(path.name for path in self.directory.iterdir() if _is_namespace(path)))

    def ensure(self, name: str) -> None:
        """Make it if it is not there; half-made ones are replaced."""
        path = self.path(name)
        if _is_namespace(path):
            return
        path.unlink(missing_ok=True)
        if self.directory == ROOT_DIRECTORY:
            # "ip netns" also prepares the directory's mount, so that every mount namespace sees the names.
            run("ip", "netns", "add", name)
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        run("unshare", f"--net={path}", "true")

    def remove(self, name: str) -> None:
        """Remove the name; the namespace ends with its last process."""
        path = self.path(name)
        _libc.umount2(str(path).encode(), _MNT_DETACH)
        path.unlink(missing_ok=True)

    def inside(self, name: str, work: Callable[[], _Result]) -> _Result:
        """Run ``work`` with this thread in the namespace."""
        with _entered(self.path(name)):
            return work()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold off the other agents that use this directory: what agents share is read and changed only in here."""
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def inode(self, name: str) -> int:
        return self.path(name).stat().st_ino


def _is_namespace(path: Path) -> bool:
    """A name without its mount is an ordinary file of another file system."""
    try:
        return path.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
    except OSError:
        return False


@contextlib.contextmanager
def _entered(path: Path) -> Iterator[None]:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(path)
        try:
            yield
        finally:
            if _libc.setns(home, _CLONE_NEWNET):
                # Nothing may go on in the wrong namespace; the agent starts a new helper.
                os._exit(70)
    finally:
        os.close(home)


def _enter(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            raise WiringFailed(f"cannot enter {path}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)


def run(*arguments: str, text: str = "") -> str:
    """Run a program in this thread's namespace; WiringFailed with its own words when it fails."""
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[:1000]
        raise WiringFailed(f"{arguments[0]} ended with {done.returncode}: {words}")
    return done.stdout
