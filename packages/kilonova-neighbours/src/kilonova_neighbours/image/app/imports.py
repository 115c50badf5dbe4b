"""``glance-direct``: staged data becomes the image, in the background.

The state ``importing`` is the durable wish: an import that a crash interrupts is begun again by the sweep.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, KilonovaError, NotFound

from kilonova_neighbours.image.app.images import Images
from kilonova_neighbours.image.app.uploads import Uploads
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.formats import Inspection
from kilonova_neighbours.image.model.images import Data, Image
from kilonova_neighbours.image.model.tasks import Task
from kilonova_neighbours.image.store.files import FileStore, chunks
from kilonova_neighbours.image.store.images import ImageStore
from kilonova_neighbours.image.store.tasks import TaskStore

log = logging.getLogger(__name__)

METHODS = ("glance-direct",)


class Imports:
    """Imports that run in this process."""

    def __init__(self, rules: Images, uploads: Uploads, images: ImageStore, tasks: TaskStore, files: FileStore) -> None:
        self._rules, self._uploads, self._images = rules, uploads, images
        self._tasks, self._files = tasks, files
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, image_id: str, body: Mapping[str, Any], caller: Caller, request_id: str) -> Task:
        """Begin an import. Raises NotFound, Forbidden, Conflict, BadRequest."""
        await self._rules.own(image_id, caller, "import data for")

        def decide(image: Image | None) -> Image:
            if image is None:
                raise NotFound(f"No image found with ID {image_id}")
            _check(image)
            return msgspec.structs.replace(image, status="importing")

        image = await self._images.change(image_id, decide)
        assert image is not None
        task = await self._tasks.add(_task(image, body, caller, request_id))
        self.begin(image)
        return task

    def begin(self, image: Image) -> None:
        task = asyncio.create_task(self._run(image))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Stop what runs; the next start begins it again."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, image: Image) -> None:
        name = image.file_name
        if name in self._uploads.busy:
            return
        self._uploads.busy.add(name)
        try:
            data = await asyncio.to_thread(self._read, image)
            if data is not None:
                await self._uploads.publish(image, data)
                await self._tasks.finish(image.id, "success", "")
        except (KilonovaError, OSError) as error:
            reason = error.message if isinstance(error, KilonovaError) else str(error)
            await self._uploads.give_up(image, reason)
            await self._tasks.finish(image.id, "failure", reason)
        finally:
            self._uploads.busy.discard(name)

    def _read(self, image: Image) -> Data | None:
        """Hash and inspect the staged file; None when another process is at it."""
        try:
            file = self._files.reopen(image.file_name)
        except FileNotFoundError:
            raise Conflict(f"The staged data of image {image.id} is gone") from None
        if file is None:
            return None
        with file:
            inspection = Inspection()
            for piece in chunks(file):
                inspection.eat(piece)
            return inspection.finish(image.disk_format, image.container_format)


def check_method(body: Any) -> None:
    """Raises BadRequest for a body that is no import request we can serve."""
    method = body.get("method") if isinstance(body, dict) else None
    if not isinstance(method, dict):
        raise BadRequest("Import request requires a 'method' field.")
    if "name" not in method:
        raise BadRequest("Import request requires a 'name' field.")
    if method["name"] not in METHODS:
        raise BadRequest(f"Unknown import method name '{method['name']}'.")
    for name in ("all_stores", "all_stores_must_succeed"):
        if not isinstance(body.get(name, False), bool):
            raise BadRequest(f"'{name}' must be boolean value only")
    if body.get("stores"):
        raise BadRequest("Stores parameter is not supported: this cloud has one store")


def _check(image: Image) -> None:
    for name in ("container_format", "disk_format"):
        if getattr(image, name) is None:
            raise BadRequest(f"'{name}' needs to be set before import")
    if image.status != "uploading" or image.size is None:
        raise Conflict("Image needs to be staged before 'glance-direct' method can be used")


def _task(image: Image, body: Mapping[str, Any], caller: Caller, request_id: str) -> Task:
    return Task(
        id="",
        type="api_image_import",
        status="processing",
        owner=caller.project_id,
        image_id=image.id,
        request_id=request_id,
        user_id=caller.user_id,
        input={"image_id": image.id, "import_req": body, "backend": [None]},
    )
