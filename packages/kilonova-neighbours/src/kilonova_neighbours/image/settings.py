"""What an operator may set for the image service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

GIB = 1024**3


class ImageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``database_url`` defaults to SQLite in ``data_dir``. Limits of -1 are without limit."""

    data_dir: Path
    database_url: str = ""
    #: Bytes of one image.
    largest_image: int = 100 * GIB
    #: Bytes of all images, and of all staged data, of one project.
    project_bytes: int = -1
    project_staged_bytes: int = -1
    project_images: int = -1
    project_uploads: int = -1
    #: As Glance: 128 of each on one image.
    most_properties: int = 128
    most_tags: int = 128
    most_members: int = 128
    page_default: int = 25
    page_maximum: int = 1000
    sweep_seconds: int = 3600

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'image.db'}"


class BootstrapImage(msgspec.Struct, frozen=True, kw_only=True):
    """A public image that a fresh cloud holds, made from a file on this machine."""

    name: str
    path: Path
    disk_format: str
    owner: str
    properties: Mapping[str, str] = {}
    min_disk: int = 0
    min_ram: int = 0
