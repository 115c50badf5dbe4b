"""Users and groups."""

from __future__ import annotations

from typing import Any

import msgspec


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens issued before ``tokens_valid_from`` are refused; ``failures`` counts wrong passwords in a row."""

    id: str
    name: str
    domain_id: str
    enabled: bool = True
    default_project_id: str | None = None
    options: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    password_hash: str | None = None
    #: Hashes of earlier passwords, the newest first.
    former_hashes: list[str] = []
    tokens_valid_from: float = 0.0
    failures: int = 0
    failed_at: float = 0.0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Users that get roles together."""

    id: str
    name: str
    domain_id: str
    description: str = ""
    extra: dict[str, Any] = {}


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A user in a group."""

    group_id: str
    user_id: str
