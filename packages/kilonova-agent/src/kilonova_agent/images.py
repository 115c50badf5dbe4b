"""The host's image cache: a careful fetch, once per host, verified before anybody sees it.

    DIR/<algorithm>-<digest>.<format>        a verified image, 0444, never changed
    DIR/<algorithm>-<digest>.<format>.part   one that is being fetched; its lock is held by who fetches it
    DIR/by-id/                               which images these are           (image_names.py)

Invariants:
- A file has its name only when its size, its digest and its header are right and its bytes are on the disk.
- One fetch at a time per image and machine: builds of one agent wait for the same task, agents that share DIR for the
  lock. A cancelled build does not cancel the fetch of another; the last one to go ends it.
- What was begun and will not be finished is removed: at once on failure, at the next start after a sudden death.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from kilonova_kit.private_files import private_directory, sync_directory
from kilonova_messages.wishes import ImageSource

from kilonova_agent.errors import DiskFull, ImageRefused, StepFailure, is_disk_full
from kilonova_agent.image_formats import virtual_size
from kilonova_agent.image_names import ImageNames
from kilonova_agent.joining import tls_context
from kilonova_agent.unbroken import unbroken

log = logging.getLogger(__name__)

_ALGORITHMS = frozenset({"sha512", "sha384", "sha256", "sha3_256", "sha3_384", "sha3_512", "blake2b"})
_DIGEST = re.compile(r"[0-9a-f]{32,128}")
_BATCH = 1 << 20
_LONGEST_PAUSE = 5.0
#: A controller that sends nothing for so long is asked anew.
_SILENCE_SECONDS = 20.0


class CachedImage(msgspec.Struct, frozen=True, kw_only=True):
    """A verified file; ``virtual_size`` is what a guest sees of it, in bytes."""

    path: Path
    virtual_size: int


class _Away(Exception):
    """The controller does not give the image now; asking again may help."""


#: Gets the bytes of ``source``; raises ImageRefused or _Away.
Open = Callable[[ImageSource], AsyncIterator[bytes]]


class ImageCache:
    """The cache in one directory, filled from below ``base_url``."""

    def __init__(self, directory: Path, base_url: str, *, ca_file: Path | None = None) -> None:
        self._directory = directory
        self._base_url = base_url.rstrip("/")
        self._ca_file = ca_file
        self._client: Any = None
        self._fetches: dict[str, _Fetch] = {}
        self._names = ImageNames(directory)
        #: Called when another image is here.
        self.on_change: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Remove what an earlier agent left half fetched, unless another one is at it."""
        private_directory(self._directory)
        self._directory.chmod(0o711)  # guests' processes open the files by name on some drivers
        for part in self._directory.glob("*.part"):
            with_lock = _PartFile.try_open(part)
            if with_lock is not None:
                with_lock.discard()
        self._names.tidy()

    async def close(self) -> None:
        for fetch in tuple(self._fetches.values()):
            await fetch.abandon()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def ensure(self, source: ImageSource, tell: Callable[[str], None] = lambda _: None) -> CachedImage:
        """The image's verified file, fetched if it is not here. ImageRefused, DiskFull.

        While the controller is away it is asked again until the caller gives up; ``tell`` hears why it waits.
        """
        path = self._directory / file_name(source)
        if not _is_here(path, source):
            await self._fetched(path, source, tell)
        found = CachedImage(path=path, virtual_size=_checked_size(path, source))
        self._note(source, path)
        return found

    def has(self, source: ImageSource) -> bool:
        """Whether the image's verified file is here. ImageRefused for one that cannot be."""
        path = self._directory / file_name(source)
        if not _is_here(path, source):
            return False
        _checked_size(path, source)
        self._note(source, path)
        return True

    def held(self) -> tuple[str, ...]:
        """The ids of the images that are here whole and verified, sorted (a bounded number of them)."""
        return self._names.known()

    def _note(self, source: ImageSource, path: Path) -> None:
        if self._names.note(source.image_id, path):
            self.on_change()

    def expected(self, source: ImageSource) -> CachedImage:
        """Where the image would be, for drivers that never look at it."""
        return CachedImage(path=self._directory / file_name(source), virtual_size=source.virtual_size_bytes)

    async def _fetched(self, path: Path, source: ImageSource, tell: Callable[[str], None]) -> None:
        fetch = self._fetches.get(path.name)
        if fetch is None:
            fetch = self._fetches[path.name] = _Fetch(lambda told: self._fetch(path, source, told))
        try:
            await fetch.wait(tell)
        finally:
            if fetch.over and self._fetches.get(path.name) is fetch:
                del self._fetches[path.name]

    async def _fetch(self, path: Path, source: ImageSource, tell: Callable[[str], None]) -> None:
        part = await _PartFile.open(path.with_name(f"{path.name}.part"), tell)
        try:
            if not _is_here(path, source):  # another agent may have fetched it while we waited for the lock
                await self._fill(part, source, tell)
                await unbroken(asyncio.to_thread(part.publish, path))
        except OSError as error:
            raise _as_failure(error) from error
        finally:
            part.discard()

    async def _fill(self, part: _PartFile, source: ImageSource, tell: Callable[[str], None]) -> None:
        pause = 0.1
        while True:
            try:
                await self._download(part, source)
            except _Away as away:
                log.info("image %s cannot be fetched yet: %s", source.image_id, away)
                tell(f"image {source.image_id} cannot be fetched: {away}")
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                virtual_size(part.path, source.format)
                return

    async def _download(self, part: _PartFile, source: ImageSource) -> None:
        await asyncio.to_thread(part.rewind)
        digest, count, batch = hashlib.new(source.digest_algorithm), 0, bytearray()

        def take(data: bytes) -> None:
            digest.update(data)
            part.write(data)

        async for chunk in self._bytes(source):
            batch += chunk
            count += len(chunk)
            if source.size_bytes and count > source.size_bytes:
                raise ImageRefused(f"image {source.image_id} is longer than its {source.size_bytes} bytes")
            if len(batch) >= _BATCH:
                await unbroken(asyncio.to_thread(take, bytes(batch)))
                batch.clear()
        await unbroken(asyncio.to_thread(take, bytes(batch)))
        if source.size_bytes and count < source.size_bytes:
            raise _Away(f"only {count} of {source.size_bytes} bytes came")
        if digest.hexdigest() != source.digest.lower():
            raise ImageRefused(f"image {source.image_id} does not match its {source.digest_algorithm}")

    async def _bytes(self, source: ImageSource) -> AsyncIterator[bytes]:
        import httpx  # here, because most agents fetch nothing for a long time

        client = self._http(httpx)
        headers = {"X-Kilonova-Ticket": source.ticket, "Accept-Encoding": "identity"}
        try:
            async with client.stream("GET", self._base_url + source.path, headers=headers) as reply:
                _check_status(source, reply.status_code)
                async for chunk in reply.aiter_raw():
                    yield chunk
        except httpx.TransportError as error:
            raise _Away(f"{type(error).__name__} {error}".strip()) from error

    def _http(self, httpx: Any) -> Any:
        if self._client is None:
            verify = tls_context(self._ca_file) if self._base_url.startswith("https:") else False
            self._client = httpx.AsyncClient(verify=verify, timeout=_SILENCE_SECONDS, trust_env=False)
        return self._client


def file_name(source: ImageSource) -> str:
    """The name of an image's file. ImageRefused for a digest that is none."""
    digest = source.digest.lower()
    if source.digest_algorithm not in _ALGORITHMS or not _DIGEST.fullmatch(digest):
        raise ImageRefused(f"image {source.image_id} has no digest that this host can check")
    if source.format not in ("raw", "qcow2"):
        raise ImageRefused(f"image {source.image_id} has the format {source.format!r}: only raw and qcow2 are known")
    return f"{source.digest_algorithm}-{digest}.{source.format}"


def _check_status(source: ImageSource, status: int) -> None:
    if status in (401, 403):
        raise ImageRefused(f"the controller refuses image {source.image_id} to this host ({status})")
    if status == 404:
        raise ImageRefused(f"image {source.image_id} is gone")
    if status != 200:
        raise _Away(f"the controller answered {status}")


def _is_here(path: Path, source: ImageSource) -> bool:
    """Whether the verified file is there; one of another size was damaged later, and is fetched anew."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return False
    if source.size_bytes and size != source.size_bytes:
        log.error("image file %s has %d bytes instead of %d: it is fetched again", path, size, source.size_bytes)
        return False
    return True


def _checked_size(path: Path, source: ImageSource) -> int:
    size = virtual_size(path, source.format)
    if source.virtual_size_bytes and size > source.virtual_size_bytes:
        raise ImageRefused(f"image {source.image_id} holds {size} bytes, more than was said")
    return size


def _as_failure(error: OSError) -> StepFailure:
    if is_disk_full(error):
        return DiskFull(f"the host's disk is full: an image does not fit ({error})")
    return StepFailure("internal", f"the image cache cannot be written: {error}")


class _Fetch:
    """One fetch that any number of builds wait for; it ends when the last of them gives up."""

    def __init__(self, work: Callable[[Callable[[str], None]], Any]) -> None:
        self._tellers: list[Callable[[str], None]] = []
        self._task: asyncio.Task[None] = asyncio.create_task(work(self._tell))

    @property
    def over(self) -> bool:
        return self._task.done() or not self._tellers

    def _tell(self, words: str) -> None:
        for tell in self._tellers:
            tell(words)

    async def wait(self, tell: Callable[[str], None]) -> None:
        self._tellers.append(tell)
        try:
            await asyncio.shield(self._task)
        finally:
            self._tellers.remove(tell)
            if not self._tellers:
                await self.abandon()

    async def abandon(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class _PartFile:
    """A file that is being filled, locked for as long as this object has it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._published = False

    @classmethod
    def try_open(cls, path: Path) -> _PartFile | None:
        """Make or take over the file; None while another process has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(descriptor).st_ino:  # else it was renamed or removed meanwhile
                return cls(path, descriptor)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return None

    @classmethod
    async def open(cls, path: Path, tell: Callable[[str], None]) -> _PartFile:
        while True:
            try:
                opened = cls.try_open(path)
            except OSError as error:
                raise _as_failure(error) from error
            if opened is not None:
                return opened
            tell("another agent of this machine fetches the same image")
            await asyncio.sleep(0.1)

    def rewind(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def publish(self, path: Path) -> None:
        os.fchmod(self._descriptor, 0o444)
        os.fsync(self._descriptor)
        self.path.replace(path)
        self._published = True
        sync_directory(path.parent)

    def discard(self) -> None:
        """Let go; what was not published is removed."""
        if not self._published:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
