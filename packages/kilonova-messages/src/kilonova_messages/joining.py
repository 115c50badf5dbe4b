"""How a host joins: one HTTP exchange with a one-time token, after which it holds a key of its own.

POST <controller>/compute/host-joins   JoinRequest -> JoinAnswer
"""

from __future__ import annotations

import msgspec


class JoinRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``public_key`` is the NATS user public key (``U...``) whose seed never leaves the host."""

    token: str
    public_key: str
    hostname: str
    agent_version: str


class JoinAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``credentials`` is the NATS user JWT, bound to this host's subjects."""

    host_id: str
    cell: str
    bus_url: str
    credentials: str
