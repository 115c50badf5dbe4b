"""The edge's way to find out whose token it has: the identity API's own answer, remembered for a short time.

This is what keystonemiddleware does, against the same public call (``GET /v3/auth/tokens``), so a real Keystone serves
as well. A revoked token is refused after at most ``remember_seconds``. Many requests with one token ask once: what is
being asked already is waited for. A token in use is asked about again at half that time, while the answer that is
remembered still holds, so that nobody waits for it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import Any

from kilonova_kit.clock import Clock, parse_iso, system_clock
from kilonova_kit.errors import Unavailable
from kilonova_kit.http.client import ServiceClient
from kilonova_kit.http.identity import AccessRule, Identity

_MOST_REMEMBERED = 10_000


class TokenCheck:
    """An Authenticator that asks the identity service."""

    def __init__(self, identity: ServiceClient, clock: Clock = system_clock, remember_seconds: float = 5.0) -> None:
        self._identity, self._clock, self._remember = identity, clock, remember_seconds
        self._seen: OrderedDict[bytes, tuple[float, Identity | None]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Identity | None]] = {}

    async def identify(self, token: str) -> Identity | None:
        key, now = hashlib.sha256(token.encode()).digest(), self._clock()
        until, identity = self._seen.get(key, (0.0, None))
        if now >= until:
            identity = await asyncio.shield(self._being_asked(key, token))  # who gives up leaves the answer to others
        elif now >= until - self._remember / 2 and identity is not None:
            self._being_asked(key, token)
        return identity if identity is not None and identity.expires_at > now else None

    def _being_asked(self, key: bytes, token: str) -> asyncio.Task[Identity | None]:
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._look(key, token))
            asking.add_done_callback(_seen_to)
        return asking

    async def _look(self, key: bytes, token: str) -> Identity | None:
        """Ask, and remember the answer from the moment of the question."""
        now = self._clock()
        try:
            identity = await self._ask(token)
        finally:
            del self._asking[key]
        self._seen[key] = (now + self._remember, identity)
        self._seen.move_to_end(key)
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return identity

    async def _ask(self, token: str) -> Identity | None:
        headers = {"X-Subject-Token": token, "OpenStack-Identity-Access-Rules": "1.0"}  # the edge keeps these rules
        reply = await self._identity.request("GET", "/v3/auth/tokens?nocatalog", token=token, headers=headers)
        if reply.status in (401, 404):
            return None
        if not reply.ok:
            raise Unavailable(f"the identity service answered {reply.status}: {reply.message()}")
        return identity_of(reply.json()["token"], token)


def _seen_to(asking: asyncio.Task[Identity | None]) -> None:
    """Nobody may have waited: a failure is met again, and told, when the remembered answer holds no more."""
    if not asking.cancelled():
        asking.exception()


def identity_of(token: dict[str, Any], text: str) -> Identity:
    """Read the ``token`` object of the identity API."""
    user, project = token["user"], token.get("project") or {}
    return Identity(
        user_id=user["id"],
        user_name=user.get("name", ""),
        user_domain_id=(user.get("domain") or {}).get("id", "default"),
        project_id=project.get("id"),
        project_name=project.get("name", ""),
        project_domain_id=(project.get("domain") or {}).get("id", ""),
        domain_id=(token.get("domain") or {}).get("id"),
        system_scope=bool(token.get("system")),
        roles=frozenset(role["name"] for role in token.get("roles", ())),
        expires_at=parse_iso(token["expires_at"]),
        token=text,
        access_rules=_access_rules(token),
    )


def _access_rules(token: dict[str, Any]) -> tuple[AccessRule, ...] | None:
    rules = (token.get("application_credential") or {}).get("access_rules")
    return None if rules is None else tuple(AccessRule(r["service"], r["method"], r["path"]) for r in rules)
