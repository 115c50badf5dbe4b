"""Sharing: the owner says with whom, the other project accepts or rejects (Glance, api/v2/image_members.py)."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest, Forbidden, NotFound

from kilonova_neighbours.image.app.images import Images
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.images import Image, Member
from kilonova_neighbours.image.store.members import MemberStore

STATUSES = ("pending", "accepted", "rejected")


class Members:
    """The rules of members. Every method raises NotFound for an image the caller may not see."""

    def __init__(self, images: Images, members: MemberStore, most: int) -> None:
        self._images, self._members, self._most = images, members, most

    async def add(self, image_id: str, member_id: str, caller: Caller) -> Member:
        image = await self._images.get(image_id, caller)
        if image.visibility != "shared" or not _is_owner(image, caller):
            raise Forbidden(f"Not allowed to create members for image {image_id}.")
        return await self._members.add(image_id, member_id, self._most)

    async def list(self, image_id: str, caller: Caller) -> list[Member]:
        """All members for the owner, only itself for a member."""
        image = await self._images.get(image_id, caller)
        if image.visibility != "shared":
            raise Forbidden(f"Not allowed to list members for image {image_id}: Only shared images have members.")
        members = await self._members.of_image(image_id)
        return (
            members if _is_owner(image, caller) else [each for each in members if each.member_id == caller.project_id]
        )

    async def get(self, image_id: str, member_id: str, caller: Caller) -> Member:
        image = await self._images.get(image_id, caller)
        if image.visibility != "shared":
            raise NotFound("Only shared images have members.")
        return await self._find(image, member_id, caller)

    async def _find(self, image: Image, member_id: str, caller: Caller) -> Member:
        found = None
        if _is_owner(image, caller) or member_id == caller.project_id:
            found = await self._members.get(image.id, member_id)
        if found is None:
            raise NotFound(f"{member_id} not found in the member list of the image {image.id}.")
        return found

    async def set_status(self, image_id: str, member_id: str, status: str, caller: Caller) -> Member:
        """Only the member itself decides; the owner sees it and may not (403)."""
        image = await self._images.get(image_id, caller)
        refused = Forbidden(f"Not allowed to update members for image {image_id}.")
        if image.visibility != "shared":
            raise refused
        await self._find(image, member_id, caller)
        if not caller.is_admin and member_id != caller.project_id:
            raise refused
        if status not in STATUSES:
            raise BadRequest(f'Incorrect request: Status must be "pending", "accepted" or "rejected", not "{status}".')
        changed = await self._members.set_status(image_id, member_id, status)
        if changed is None:
            raise NotFound(f"{member_id} not found in the member list of the image {image_id}.")
        return changed

    async def remove(self, image_id: str, member_id: str, caller: Caller) -> None:
        image = await self._images.get(image_id, caller)
        if image.visibility != "shared" or not _is_owner(image, caller):
            raise Forbidden(f"Not allowed to delete members for image {image_id}.")
        if not await self._members.remove(image_id, member_id):
            raise NotFound(f"{member_id} not found in the member list of the image {image_id}.")


def _is_owner(image: Image, caller: Caller) -> bool:
    return caller.is_admin or caller.owns(image.owner)
