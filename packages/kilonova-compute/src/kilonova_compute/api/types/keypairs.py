"""Bodies of the key pairs API (nova, api/openstack/compute/schemas/keypairs.py)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from kilonova_kit.http.versioned import since
from msgspec import UNSET, Meta, UnsetType

Link = dict[str, str]
_Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^(?! )[_\-@. a-zA-Z0-9]+(?<! )\Z")]


class KeyPairView(msgspec.Struct, frozen=True, kw_only=True):
    """A key pair; which fields there are depends on whether it was listed, made or shown."""

    name: str
    public_key: str
    fingerprint: str
    kind: Annotated[str, since(2, 2)] = msgspec.field(name="type")
    user_id: str | UnsetType = UNSET
    private_key: str | UnsetType = UNSET
    id: int | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    deleted_at: str | UnsetType | None = UNSET
    updated_at: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        return f"KeyPairView(name={self.name!r})"


class KeyPairAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"keypair": ...}``."""

    keypair: KeyPairView


class KeyPairList(msgspec.Struct, frozen=True, kw_only=True):
    """A page; each item is wrapped, as it always was."""

    keypairs: list[KeyPairAnswer]
    keypairs_links: Annotated[list[Link] | UnsetType, since(2, 35)] = UNSET


class NewKeyPair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key pair is made from; without ``public_key`` one is made, before 2.92."""

    name: _Name
    public_key: str | UnsetType = UNSET
    kind: Annotated[Literal["ssh", "x509"], since(2, 2)] = msgspec.field(name="type", default="ssh")
    user_id: Annotated[str, since(2, 10)] = ""


class CreateKeyPair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /os-keypairs``."""

    keypair: NewKeyPair


class KeyPairQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key pair."""

    user_id: Annotated[list[str], since(2, 10)] = []


class KeyPairListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key pairs, and which page of them."""

    user_id: Annotated[list[str], since(2, 10)] = []
    limit: Annotated[list[str], since(2, 35)] = []
    marker: Annotated[list[str], since(2, 35)] = []
