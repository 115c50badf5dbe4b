"""Images that the controller wants at hand before a server needs them: a few at a time, beside the builds.

Invariants:
- One fetch per image. Asked again while it runs, the answer is how it stands; how it failed is told once.
- A fetch that nobody has asked about for ``PATIENCE_SECONDS`` is given up, and the cache removes what was begun: what
  the controller has forgotten costs the host nothing.
"""

from __future__ import annotations

import asyncio
import logging

from kilonova_messages.asks import ImageState
from kilonova_messages.wishes import ImageSource

from kilonova_agent.errors import StepFailure
from kilonova_agent.images import ImageCache

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 600.0
_AT_ONCE = 2
_MOST = 64


class Precaching:
    """Fetches into one cache, until it is closed."""

    def __init__(self, images: ImageCache, *, patience: float = PATIENCE_SECONDS) -> None:
        self._images, self._patience = images, patience
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._fetches: dict[str, _Fetch] = {}

    def ask(self, source: ImageSource) -> ImageState:
        """How the image stands, after seeing to it that it is being fetched. StepFailure: why the last fetch failed."""
        if self._images.has(source):
            self._fetches.pop(source.image_id, None)
            return ImageState(cached=True)
        fetch = self._fetches.get(source.image_id)
        if fetch is None:
            fetch = self._begin(source)
        elif fetch.failure is not None:
            del self._fetches[source.image_id]
            raise fetch.failure
        self._let_go_later(fetch)
        return ImageState(cached=False, waits=fetch.waits)

    def _begin(self, source: ImageSource) -> _Fetch:
        if len(self._fetches) >= _MOST:
            raise StepFailure("busy", f"this host fetches {_MOST} images already", retryable=True)
        fetch = self._fetches[source.image_id] = _Fetch(source)
        fetch.task = asyncio.create_task(self._run(fetch))
        return fetch

    def _let_go_later(self, fetch: _Fetch) -> None:
        """Be patient anew, with whoever has just asked."""
        if fetch.giving_up is not None:
            fetch.giving_up.cancel()
        fetch.giving_up = asyncio.get_running_loop().call_later(self._patience, self._let_go, fetch)

    def _let_go(self, fetch: _Fetch) -> None:
        if self._forget(fetch):
            log.info("nobody asks for image %s any more: it is not fetched ahead of servers", fetch.source.image_id)
        if fetch.task is not None:
            fetch.task.cancel()

    def _forget(self, fetch: _Fetch) -> bool:
        """Whether it was known until now."""
        known = self._fetches.get(fetch.source.image_id) is fetch
        if known:
            del self._fetches[fetch.source.image_id]
        return known

    async def _run(self, fetch: _Fetch) -> None:
        try:
            async with self._room:
                fetch.tell("it is being fetched")
                await self._images.ensure(fetch.source, fetch.tell)
            self._forget(fetch)
        except StepFailure as failure:
            fetch.failure = failure
        except Exception as problem:
            log.exception("image %s cannot be fetched ahead of servers", fetch.source.image_id)
            fetch.failure = StepFailure("internal", f"the agent failed: {type(problem).__name__}: {problem}")

    async def close(self) -> None:
        """Break everything off; the controller asks again when we are back."""
        fetches, self._fetches = list(self._fetches.values()), {}
        for fetch in fetches:
            if fetch.giving_up is not None:
                fetch.giving_up.cancel()
            if fetch.task is not None:
                fetch.task.cancel()
        await asyncio.gather(*(fetch.task for fetch in fetches if fetch.task is not None), return_exceptions=True)


class _Fetch:
    """One image on its way. ``failure``: how it ended, if it did."""

    __slots__ = ("failure", "giving_up", "source", "task", "waits")

    def __init__(self, source: ImageSource) -> None:
        self.source = source
        self.waits = "other images go first"
        self.failure: StepFailure | None = None
        self.task: asyncio.Task[None] | None = None
        self.giving_up: asyncio.TimerHandle | None = None

    def tell(self, words: str) -> None:
        self.waits = words
