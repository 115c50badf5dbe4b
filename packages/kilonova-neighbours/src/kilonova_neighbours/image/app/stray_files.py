"""Kept true: every file is named by a row or belongs to a living upload, and no image waits for an upload that died.

Takes no input and does the same thing at the start and every hour.
"""

from __future__ import annotations

import asyncio
import logging

from kilonova_neighbours.image.app.imports import Imports
from kilonova_neighbours.image.app.uploads import Uploads
from kilonova_neighbours.image.model.images import Image
from kilonova_neighbours.image.store.files import FileStore
from kilonova_neighbours.image.store.images import ImageStore
from kilonova_neighbours.image.store.tasks import TaskStore

log = logging.getLogger(__name__)


class Sweep:
    """The reconciler of images and files."""

    def __init__(
        self, images: ImageStore, tasks: TaskStore, files: FileStore, uploads: Uploads, imports: Imports
    ) -> None:
        self._images, self._tasks, self._files = images, tasks, files
        self._uploads, self._imports = uploads, imports

    async def run(self) -> None:
        for image in await self._images.in_states(("saving", "uploading", "importing")):
            await self._mend(image)
        await self._remove_strays()
        await self._tasks.drop_expired()

    async def _mend(self, image: Image) -> None:
        if await self._is_alive(image.file_name):
            return
        if image.status == "importing":
            self._imports.begin(image)
        elif image.status == "saving" or image.size is None:
            await self._uploads.give_up(image, "its upload died")

    async def _is_alive(self, name: str) -> bool:
        return name in self._uploads.busy or await asyncio.to_thread(self._files.is_busy, name)

    async def _remove_strays(self) -> None:
        """The files are listed before the rows are read: a file that appears in between is not looked at."""
        present = await asyncio.to_thread(self._files.names)
        idle = [name for name in present if not await self._is_alive(name)]
        named = await self._images.named_files()
        for name in idle:
            if name not in named:
                log.info("file %s belongs to no image: removed", name)
                await asyncio.to_thread(self._files.remove, name)
