"""Two apps on one database, as two processes would be: they work at the same moment, crash and begin again."""

import asyncio
import contextlib

from kilonova_kit.errors import Conflict, NotFound
from kilonova_placement.model.explanations import Refused
from kilonova_placement.store.ledger import Outcome

#: What placement may say to a question that makes sense.
NO = (Refused, Conflict, NotFound)

#: To build an HTTP edge takes longer than a step: every app with a number stands behind the same one.
_EDGES = ({}, {})


class TwoProcesses:
    """``make`` builds apps (``conftest.py``); ``clock`` is one for both."""

    def __init__(self, make, url):
        self._make, self._url = make, url
        self._loop = asyncio.new_event_loop()
        self._stacks = [contextlib.AsyncExitStack(), contextlib.AsyncExitStack()]
        self.apps, self.clock = [None, None], None
        for which in (0, 1):
            self.run(self._boot(which))

    def __getitem__(self, which):
        return self.apps[which]

    def run(self, coroutine):
        return self._loop.run_until_complete(coroutine)

    def try_to(self, coroutine):
        """What it says; None when the answer is no."""
        try:
            return self.run(coroutine)
        except NO:
            return None

    def both(self, one, two):
        """Two things at the same moment; what each says, or the no that it raises."""

        async def at_once():
            return await asyncio.gather(one, two, return_exceptions=True)

        answers = self.run(at_once())
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, NO):
                raise answer
        return answers

    def restart(self, which):
        self.run(self._stacks[which].aclose())
        self.run(self._boot(which))

    def die(self, which, work, *, committed):
        """Run it in an app that dies when it has committed (or is about to), so that nobody gets an answer."""
        self.run(self._die(which, work, committed))
        self.restart(which)

    def close(self):
        for stack in self._stacks:
            self.run(stack.aclose())
        self._loop.close()

    async def _boot(self, which):
        self._stacks[which] = contextlib.AsyncExitStack()
        running = self._make.running(self._url, self.clock, seed=which, edges=_EDGES[which])
        self.apps[which] = await self._stacks[which].enter_async_context(running)
        self.clock = self.apps[which].clock

    async def _die(self, which, work, committed):
        service, died = self.apps[which], asyncio.Event()
        write = service.app.database.write

        async def last_write(transaction):
            if committed:
                outcome = await write(transaction)
                if isinstance(outcome, Outcome) and not outcome.committed and not outcome.released:
                    return outcome  # the other process was quicker: nothing was written, and it is decided anew
            died.set()
            return await asyncio.Event().wait()

        service.app.database.write = last_write
        doing, death = asyncio.ensure_future(work(service.client)), asyncio.ensure_future(died.wait())
        await asyncio.wait((doing, death), return_when=asyncio.FIRST_COMPLETED)
        doing.cancel()
        death.cancel()
        await asyncio.gather(doing, death, return_exceptions=True)
