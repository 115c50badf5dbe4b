"""Who may see tasks: administrators all of them, others those of an image they see (decided in ``api`` by policy)."""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_kit.errors import NotFound

from kilonova_neighbours.image.app.images import Images
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.tasks import Task
from kilonova_neighbours.image.store.tasks import TaskStore


class Tasks:
    """What may be asked of tasks."""

    def __init__(self, images: Images, tasks: TaskStore) -> None:
        self._images, self._tasks = images, tasks

    async def of_image(self, image_id: str, caller: Caller) -> list[Task]:
        image = await self._images.get(image_id, caller)
        return await self._tasks.of_image(image.id)

    async def newest(self, equal: Mapping[str, str], most: int) -> list[Task]:
        """``equal`` holds wanted values of ``type`` and ``status``."""
        return await self._tasks.newest(equal, most)

    async def get(self, task_id: str) -> Task:
        task = await self._tasks.get(task_id)
        if task is None:
            raise NotFound(f"Task not found: {task_id}")
        return task
