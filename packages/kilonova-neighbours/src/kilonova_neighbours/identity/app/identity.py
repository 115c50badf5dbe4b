"""The service itself: its database, its keys, and the memory of look-ups that the next write wipes."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from argon2 import PasswordHasher
from kilonova_kit.clock import Clock, system_clock
from kilonova_kit.database import Database
from kilonova_kit.errors import Unavailable

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import bootstrap
from kilonova_neighbours.identity.app.keys import KeyRing
from kilonova_neighbours.identity.app.passwords import STRONG, Passwords
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.settings import IdentitySettings

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_MOST_REMEMBERED = 10_000


class IdentityApp:
    """What handlers get as ``call.app``."""

    def __init__(
        self, settings: IdentitySettings, clock: Clock = system_clock, hasher: PasswordHasher = STRONG
    ) -> None:
        self.settings, self.clock = settings, clock
        self.keys = KeyRing(settings.data_dir / "fernet-keys", settings.most_keys)
        self.vault = KeyRing(settings.data_dir / "credential-keys", settings.most_keys)
        self.passwords = Passwords(clock, settings.remember_password_seconds, hasher)
        self._database = Database(settings.database, name="identity")
        self._generation = 0
        self._memory: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._purger: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await asyncio.to_thread(self._open_files)
        await self._database.start(store.metadata)
        self._purger = asyncio.create_task(self._purge_for_ever())

    def _open_files(self) -> None:
        self.settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.keys.open()
        self.vault.open()

    async def close(self) -> None:
        if self._purger is not None:
            self._purger.cancel()
            await asyncio.gather(self._purger, return_exceptions=True)
        await self._database.close()

    async def ready(self) -> list[str]:
        """What is not ready, in words."""
        try:
            await self.read(_nothing)
        except Unavailable as error:
            return [f"identity: {error.message}"]
        return []

    async def rotate_keys(self) -> None:
        """Promote the staged token key. Tokens live on while their key is among the kept ones."""
        await asyncio.to_thread(self.keys.rotate)

    async def bootstrap(self, wanted: bootstrap.Bootstrap) -> None:
        """Make sure that the cloud's first projects, roles, users and catalog exist. May run again at any time."""
        known = await self.read(bootstrap.password_hashes, wanted)
        hashes = {
            name: await self.passwords.hash(password)
            for name, password in bootstrap.passwords(wanted).items()
            if name not in known
            or (name not in bootstrap.kept(wanted) and not await self.passwords.check(known[name], password))
        }
        await self.write(bootstrap.bootstrap, wanted, hashes)

    async def read(self, rule: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a rule that only reads."""
        return await self._database.read(lambda tx: rule(self._work(tx), *args, **kwargs))

    async def write(self, rule: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a rule that writes; what was remembered is forgotten before this returns."""
        try:
            return await self.write_aside(rule, *args, **kwargs)
        finally:
            self._generation += 1
            self._memory.clear()

    async def write_aside(self, rule: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for writes that no remembered look-up depends on (counting wrong passwords)."""

        def run(tx: store.Tx) -> T:
            store.take_turn(tx)
            return rule(self._work(tx), *args, **kwargs)

        return await self._database.write(run)

    async def remember(
        self, key: Hashable, rule: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Read once until the next write. A read that a write has overtaken is not kept: it may be of before."""
        until, known = self._memory.get(key, (0.0, None))
        if until > self.clock():
            return cast(T, known)
        generation = self._generation
        found = await self.read(rule, *args, **kwargs)
        if generation == self._generation:
            self._memory[key] = (self.clock() + self.settings.remember_seconds, found)
            if len(self._memory) > _MOST_REMEMBERED:
                self._memory.popitem(last=False)
        return found

    def _work(self, tx: store.Tx) -> Work:
        return Work(tx, self.clock(), self.settings)

    async def _purge_for_ever(self) -> None:
        """Drop revocations that outlived every token they could refuse."""
        while True:
            try:
                await self.write_aside(_purge)
            except Unavailable as error:
                log.warning("expired revocations stay for now: %s", error.message)
            await asyncio.sleep(self.settings.purge_seconds)


def _purge(work: Work) -> None:
    store.REVOCATIONS.remove_until(work.tx, "expires_at", work.now)


def _nothing(work: Work) -> None:
    store.REGIONS.find(work.tx)
