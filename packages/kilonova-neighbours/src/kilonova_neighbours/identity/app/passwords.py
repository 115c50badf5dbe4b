"""Passwords: argon2 in threads, and a short memory so that one user's many requests do not each cost 45 ms.

The memory holds HMACs of (hash, password) pairs that were found right, under a key that lives only in this process; a
new password has a new hash, so an old pair is never asked for again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Hashable
from weakref import WeakValueDictionary

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from kilonova_kit.clock import Clock

_MOST_REMEMBERED = 5_000
_AT_ONCE = 2
#: argon2id as OWASP's "Password Storage Cheat Sheet" asks; not a setting, for nobody should have less.
STRONG = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Passwords:
    """Hashes and checks passwords and application credentials' secrets."""

    def __init__(self, clock: Clock, remember_seconds: float, hasher: PasswordHasher = STRONG) -> None:
        self._clock, self._remember = clock, remember_seconds
        self._hasher = hasher
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._guessed: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    def turn_of(self, guessed: Hashable) -> asyncio.Lock:
        """Whoever guesses one user's password guesses alone: each guess sees how those before it ended."""
        return self._guessed.setdefault(guessed, asyncio.Lock())

    def remembers(self, known: str | None, password: str) -> bool:
        """Whether the password was found right a short while ago."""
        return known is not None and self._right.get(self._pair(known, password), 0.0) > self._clock()

    def _pair(self, known: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{known}\0{password}".encode(errors="surrogatepass"), hashlib.sha256)

    async def check(self, known: str | None, password: str) -> bool:
        """Whether the password is the one hashed. No hash takes as long as a wrong password, and is never right."""
        if known is None:
            self._nobodys = self._nobodys or await self.hash(secrets.token_hex())
            await self._verify(self._nobodys, password)
            return False
        if self.remembers(known, password):
            return True
        if not await self._verify(known, password):
            return False
        self._right[self._pair(known, password)] = self._clock() + self._remember
        if len(self._right) > _MOST_REMEMBERED:
            self._right.popitem(last=False)
        return True

    async def _verify(self, known: str, password: str) -> bool:
        async with self._turns:
            return await asyncio.to_thread(self._verify_now, known, password)

    def _verify_now(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError, UnicodeError):
            return False
