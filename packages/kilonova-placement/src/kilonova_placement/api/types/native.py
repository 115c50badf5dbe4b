"""Query parameters of the native API; its bodies are ``model/questions.py``, which the client needs too."""

from __future__ import annotations

import msgspec


class ClaimsQuery(msgspec.Struct, frozen=True):
    """``owner``: only this owner's claims. ``marker``: the last id of the page before."""

    owner: str = ""
    marker: str = ""
    limit: int | None = None


class UsageQuery(msgspec.Struct, frozen=True):
    """Whose claims are summed up."""

    project_id: str
    user_id: str = ""


class ProvidersQuery(msgspec.Struct, frozen=True):
    """``in_tree``: only this provider and the others of its tree."""

    in_tree: str = ""
