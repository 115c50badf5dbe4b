"""The image service put together."""

from __future__ import annotations

import asyncio
import logging

from kilonova_kit.clock import Clock, system_clock
from kilonova_kit.database import Database
from kilonova_kit.http.faults import image_faults
from kilonova_kit.http.operations import Service
from kilonova_kit.http.policy import PolicyBook

from kilonova_neighbours.image.api.routes import OPERATIONS
from kilonova_neighbours.image.app.bootstrap import ensure_image
from kilonova_neighbours.image.app.images import Images
from kilonova_neighbours.image.app.imports import Imports
from kilonova_neighbours.image.app.members import Members
from kilonova_neighbours.image.app.metadefs import Metadefs
from kilonova_neighbours.image.app.stray_files import Sweep
from kilonova_neighbours.image.app.tasks import Tasks
from kilonova_neighbours.image.app.uploads import Uploads
from kilonova_neighbours.image.model.images import Image
from kilonova_neighbours.image.settings import BootstrapImage, ImageSettings
from kilonova_neighbours.image.store.files import FileStore
from kilonova_neighbours.image.store.images import ImageStore
from kilonova_neighbours.image.store.members import MemberStore
from kilonova_neighbours.image.store.metadefs import MetadefStore
from kilonova_neighbours.image.store.tables import metadata
from kilonova_neighbours.image.store.tasks import TaskStore

log = logging.getLogger(__name__)

SERVICE = Service(
    name="image",
    prefix="/image",
    base_path="/v2",
    operations=OPERATIONS,
    faults=image_faults,
    strict_slashes=True,
)


class ImageApp:
    """What handlers get as ``call.app``. ``policies`` are for rules that depend on the body (who may publish)."""

    def __init__(
        self, settings: ImageSettings, *, policies: PolicyBook | None = None, clock: Clock = system_clock
    ) -> None:
        self.settings, self.policies = settings, policies or PolicyBook()
        self._files = FileStore(settings.data_dir)
        self._database = Database(settings.database, name="image")
        self._images = ImageStore(self._database, clock)
        members = MemberStore(self._database, clock)
        tasks = TaskStore(self._database, clock)
        self.images = Images(settings, self._images, self._files)
        self.members = Members(self.images, members, settings.most_members)
        self.uploads = Uploads(settings, self.images, self._images, self._files)
        self.tasks = Tasks(self.images, tasks)
        self.imports = Imports(self.images, self.uploads, self._images, tasks, self._files)
        self.sweep = Sweep(self._images, tasks, self._files, self.uploads, self.imports)
        self._metadefs = MetadefStore(self._database, clock)
        self.metadefs = Metadefs(self._metadefs)
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Folders, tables, and what a crash left. Raises DatabaseUnavailable, OSError."""
        await asyncio.to_thread(self._files.make)
        await self._database.start(metadata)
        await self._metadefs.seed()
        await self.sweep.run()
        self._sweeping = asyncio.create_task(self._sweep_for_ever())

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        await self.imports.close()
        await self._database.close()

    async def ready(self) -> list[str]:
        """What is missing, in words."""
        if self._sweeping is None:
            return ["the image service has not started"]
        if not self._files.data.is_dir():
            return [f"the folder of images {self._files.data} is gone"]
        return []

    async def bootstrap(self, wanted: BootstrapImage) -> Image:
        """Make sure that the public image is there with these bytes; so already is no work."""
        return await ensure_image(wanted, self.images, self._images, self.uploads)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.sweep_seconds)
            try:
                await self.sweep.run()
            except Exception:
                log.exception("the sweep of image files failed")
