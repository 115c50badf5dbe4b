"""Config drives: one small ISO 9660 file per guest, label ``config-2``, with Rock Ridge and Joliet names.

Written once per guest, whole or not at all, readable only by the user that guests run as; a guest keeps the one it was
built with. Layout: Nova user documentation, "Config drives".
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath

from kilonova_kit.private_files import private_directory, write_private
from kilonova_messages.wishes import GuestWish

from kilonova_agent.metadata.documents import config_drive_documents
from kilonova_agent.unbroken import unbroken

LABEL = "config-2"


class ConfigDrives:
    """The drives below one directory. ``owner`` None: they stay this process's own."""

    def __init__(self, directory: Path, *, owner: tuple[int, int] | None, durable: bool) -> None:
        self._directory = directory
        self._owner = owner
        self._durable = durable

    def start(self) -> None:
        private_directory(self._directory)
        for draft in self._directory.glob(".*"):
            draft.unlink()

    def path(self, guest_id: str) -> Path:
        return self._directory / f"{guest_id}.iso"

    async def ensure(self, wish: GuestWish) -> Path:
        """The drive's path; written if it is not there. OSError when it cannot be."""
        path = self.path(wish.guest_id)
        if not path.exists():
            await unbroken(asyncio.to_thread(self._write, path, wish))
        return path

    def _write(self, path: Path, wish: GuestWish) -> None:
        image = iso_image(config_drive_documents(wish.metadata, wish.ports))
        write_private(path, image, durable=self._durable, mode=0o400)
        if self._owner is not None:
            os.chown(path, *self._owner)

    def remove(self, guest_id: str) -> None:
        self.path(guest_id).unlink(missing_ok=True)

    def guest_ids(self) -> tuple[str, ...]:
        return tuple(path.stem for path in self._directory.glob("*.iso"))


def iso_image(documents: Mapping[str, bytes]) -> bytes:
    """An ISO 9660 image that holds these files: path below the root -> content."""
    import pycdlib  # here, because most agents write no drive for a long time

    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=4, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for directory in _directories(documents):
        iso.add_directory(f"/{directory}", rr_name=directory.name, joliet_path=f"/{directory}")
    for name in sorted(documents):
        path, content = PurePosixPath(name), documents[name]
        iso.add_fp(BytesIO(content), len(content), f"/{path}", rr_name=path.name, joliet_path=f"/{path}")
    image = BytesIO()
    iso.write_fp(image)
    iso.close()
    return image.getvalue()


def _directories(documents: Mapping[str, bytes]) -> Iterator[PurePosixPath]:
    """Every directory above a file, outer ones first."""
    found = {parent for name in documents for parent in PurePosixPath(name).parents if parent.name}
    yield from sorted(found, key=lambda path: (len(path.parts), path))
