"""Projects and domains. As in Keystone, a domain is a project with ``is_domain``, no parent and no own domain."""

from __future__ import annotations

from typing import Any

import msgspec


class DomainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a domain's own identity back end, by group; kept for others, without effect here."""

    domain_id: str
    config: dict[str, Any]


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """``domain_id`` and ``parent_id`` are "" for a domain. Tokens issued before ``tokens_valid_from`` are refused."""

    id: str
    name: str
    domain_id: str
    parent_id: str
    is_domain: bool = False
    enabled: bool = True
    description: str = ""
    options: dict[str, Any] = {}
    tags: list[str] = []
    extra: dict[str, Any] = {}
    tokens_valid_from: float = 0.0

    @property
    def immutable(self) -> bool:
        return bool(self.options.get("immutable"))
