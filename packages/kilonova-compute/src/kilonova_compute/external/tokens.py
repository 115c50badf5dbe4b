"""The control plane's own token: got by password from the identity API, kept until shortly before it expires."""

from __future__ import annotations

import asyncio

from kilonova_kit.clock import Clock, parse_iso, system_clock
from kilonova_kit.errors import Unavailable
from kilonova_kit.http.client import ServiceClient

_MARGIN_SECONDS = 300.0


class ServiceTokens:
    """A TokenSource. ``user`` speaks in the project ``project`` of the default domain; without one, for the system."""

    def __init__(
        self, identity: ServiceClient, *, user: str, password: str, project: str, clock: Clock = system_clock
    ) -> None:
        self._identity, self._user, self._password, self._project = identity, user, password, project
        self._clock = clock
        self._token, self._expires_at = "", 0.0
        self._lock = asyncio.Lock()

    async def __call__(self) -> str:
        async with self._lock:
            if self._clock() > self._expires_at - _MARGIN_SECONDS:
                await self._renew()
            return self._token

    def forget(self) -> None:
        """The token was refused: get another next time."""
        self._expires_at = 0.0

    async def _renew(self) -> None:
        domain = {"id": "default"}
        user = {"name": self._user, "password": self._password, "domain": domain}
        project = {"project": {"name": self._project, "domain": domain}}
        wanted = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": project if self._project else {"system": {"all": True}},
        }
        reply = await self._identity.request("POST", "/v3/auth/tokens", json={"auth": wanted})
        if not reply.ok:
            raise Unavailable(f"the identity service refused the service user: {reply.message()}")
        self._token = reply.headers["x-subject-token"]
        self._expires_at = parse_iso(reply.json()["token"]["expires_at"])
