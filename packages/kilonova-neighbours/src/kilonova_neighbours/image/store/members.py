"""The projects that images are shared with."""

from __future__ import annotations

from kilonova_kit.clock import Clock
from kilonova_kit.database import Database
from kilonova_kit.errors import Conflict, NotFound, TooLarge
from sqlalchemy import Connection, delete, func, insert, select, update

from kilonova_neighbours.image.model.images import Member
from kilonova_neighbours.image.store.tables import images, members


class MemberStore:
    """All SQL about members."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def add(self, image_id: str, member_id: str, most: int) -> Member:
        """Raises Conflict for one that is there, TooLarge over the limit, NotFound when the image has just gone."""
        now = self._clock()
        member = Member(image_id=image_id, member_id=member_id, created_at=now, updated_at=now)

        def run(tx: Connection) -> None:
            locked = select(images.c.id).where(images.c.id == image_id).with_for_update()  # others count after us
            if not tx.execute(locked).first():
                raise NotFound(f"Image {image_id} not found.")
            if _get(tx, image_id, member_id):
                raise Conflict(f"Member {member_id} is duplicated for image {image_id}")
            count = tx.execute(select(func.count()).where(members.c.image_id == image_id)).scalar_one()
            if 0 <= most <= count:
                raise TooLarge(
                    f"Image member limit exceeded for image {image_id}: The limit has been exceeded on the number of "
                    f"allowed image members for this image. Attempted: {count + 1}, Maximum: {most}:"
                )
            tx.execute(
                insert(members).values(
                    image_id=image_id, member_id=member_id, status=member.status, created_at=now, updated_at=now
                )
            )

        await self._database.write(run)
        return member

    async def get(self, image_id: str, member_id: str) -> Member | None:
        return await self._database.read(lambda tx: _get(tx, image_id, member_id))

    async def of_image(self, image_id: str) -> list[Member]:
        query = select(members).where(members.c.image_id == image_id).order_by(members.c.created_at)
        rows = await self._database.read(lambda tx: tx.execute(query).mappings().all())
        return [Member(**{str(name): value for name, value in row.items()}) for row in rows]

    async def set_status(self, image_id: str, member_id: str, status: str) -> Member | None:
        """The member as it is now; None when there is none."""
        where = (members.c.image_id == image_id) & (members.c.member_id == member_id)

        def run(tx: Connection) -> Member | None:
            tx.execute(update(members).where(where).values(status=status, updated_at=self._clock()))
            return _get(tx, image_id, member_id)

        return await self._database.write(run)

    async def remove(self, image_id: str, member_id: str) -> bool:
        where = (members.c.image_id == image_id) & (members.c.member_id == member_id)
        return await self._database.write(lambda tx: tx.execute(delete(members).where(where)).rowcount > 0)


def _get(tx: Connection, image_id: str, member_id: str) -> Member | None:
    where = (members.c.image_id == image_id) & (members.c.member_id == member_id)
    row = tx.execute(select(members).where(where)).mappings().first()
    return Member(**{str(name): value for name, value in row.items()}) if row else None
