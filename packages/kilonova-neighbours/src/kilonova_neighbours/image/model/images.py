"""An image, its states, and who may see it.

    queued ── PUT file ──▶ saving ──▶ active ◀──▶ deactivated
      │  ▲                   │           ▲
      │  └──── a failure ────┤           │
      └── PUT stage ──▶ uploading ──▶ importing

``token`` names the file of the image's data (``{id}.{token}``): it is new for every upload, so that a row can never
mean the bytes of another upload. Only the upload that holds the token may move the image on.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kilonova_neighbours.image.model.callers import Caller

DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
VISIBILITIES = ("community", "public", "private", "shared")

#: The states in which ``token`` names whole data that downloads may read.
WITH_DATA = frozenset({"active", "deactivated"})


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes are bytes, ``min_ram`` MiB, ``min_disk`` GiB; times are seconds since the epoch."""

    id: str
    name: str | None = None
    owner: str | None = None
    status: str = "queued"
    visibility: str = "shared"
    protected: bool = False
    os_hidden: bool = False
    disk_format: str | None = None
    container_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    size: int | None = None
    virtual_size: int | None = None
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    token: str = ""
    tags: tuple[str, ...] = ()
    properties: Mapping[str, str] = {}

    @property
    def file_name(self) -> str:
        return f"{self.id}.{self.token}"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A project an image is shared with."""

    image_id: str
    member_id: str
    status: str = "pending"
    created_at: float = 0.0
    updated_at: float = 0.0


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about an image's bytes once they are all here."""

    size: int
    virtual_size: int | None
    checksum: str
    os_hash_value: str


def queued(image: Image) -> Image:
    """The image as it is without data."""
    return msgspec.structs.replace(
        image,
        status="queued",
        token="",
        size=None,
        virtual_size=None,
        checksum=None,
        os_hash_algo=None,
        os_hash_value=None,
    )


def activated(image: Image, data: Data) -> Image:
    return msgspec.structs.replace(
        image,
        status="active",
        size=data.size,
        virtual_size=data.virtual_size,
        checksum=data.checksum,
        os_hash_algo="sha512",
        os_hash_value=data.os_hash_value,
    )


def may_see(image: Image, caller: Caller, is_member: bool) -> bool:
    """Whether the image exists for the caller (Glance, db/utils.py, is_image_visible)."""
    if caller.is_admin or caller.owns(image.owner) or image.owner is None:
        return True
    return image.visibility in ("public", "community") or (image.visibility == "shared" and is_member)
