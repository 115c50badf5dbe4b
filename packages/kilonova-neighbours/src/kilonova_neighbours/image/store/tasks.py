"""The tasks of imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from kilonova_kit.clock import Clock
from kilonova_kit.database import Database
from kilonova_kit.ids import new_uuid
from sqlalchemy import Connection, delete, insert, select, update

from kilonova_neighbours.image.model.tasks import KEPT_SECONDS, Task
from kilonova_neighbours.image.store.tables import tasks


class TaskStore:
    """All SQL about tasks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def add(self, task: Task) -> Task:
        made = msgspec.structs.replace(task, id=new_uuid(), created_at=self._clock(), updated_at=self._clock())
        await self._database.write(lambda tx: tx.execute(insert(tasks).values(msgspec.structs.asdict(made))))
        return made

    async def finish(self, image_id: str, status: str, message: str) -> None:
        """Close the open tasks of an image."""
        now = self._clock()
        where = (tasks.c.image_id == image_id) & tasks.c.status.in_(("pending", "processing"))
        values = {"status": status, "message": message, "updated_at": now, "expires_at": now + KEPT_SECONDS}
        await self._database.write(
            lambda tx: tx.execute(update(tasks).where(where).values(result={"image_id": image_id}, **values))
        )

    async def drop_expired(self) -> None:
        where = tasks.c.expires_at < self._clock()
        await self._database.write(lambda tx: tx.execute(delete(tasks).where(where)))

    async def get(self, task_id: str) -> Task | None:
        def run(tx: Connection) -> Task | None:
            row = tx.execute(select(tasks).where(tasks.c.id == task_id)).mappings().first()
            return _task(row) if row else None

        return await self._database.read(run)

    async def of_image(self, image_id: str) -> list[Task]:
        query = select(tasks).where(tasks.c.image_id == image_id).order_by(tasks.c.created_at)
        rows = await self._database.read(lambda tx: tx.execute(query).mappings().all())
        return [_task(row) for row in rows]

    async def newest(self, equal: Mapping[str, str], most: int) -> list[Task]:
        query = select(tasks).where(*(tasks.c[name] == value for name, value in equal.items()))
        query = query.order_by(tasks.c.created_at.desc(), tasks.c.id).limit(most)
        rows = await self._database.read(lambda tx: tx.execute(query).mappings().all())
        return [_task(row) for row in rows]


def _task(row: Mapping[Any, Any]) -> Task:
    return Task(**{str(name): value for name, value in row.items()})
