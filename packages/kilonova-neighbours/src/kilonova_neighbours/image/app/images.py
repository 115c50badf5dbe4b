"""What may be asked of an image itself: create, show, list, change, tags, deactivate, delete.

A stranger's image is "not found"; one that the caller sees but does not own is "forbidden".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge
from kilonova_kit.ids import new_uuid

from kilonova_neighbours.image.app import quotas
from kilonova_neighbours.image.app.patches import Change, patched
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.images import Image, may_see
from kilonova_neighbours.image.model.listing import Listing
from kilonova_neighbours.image.settings import ImageSettings
from kilonova_neighbours.image.store.files import FileStore
from kilonova_neighbours.image.store.images import ImageStore


class Images:
    """The rules of images."""

    def __init__(self, settings: ImageSettings, images: ImageStore, files: FileStore) -> None:
        self._settings, self._images, self._files = settings, images, files

    async def create(self, image: Image, caller: Caller) -> Image:
        """Write a new, queued image. Raises Forbidden, Conflict, TooLarge."""
        owner = image.owner if image.owner is not None else caller.project_id
        if not caller.is_admin and owner != caller.project_id:
            raise Forbidden(f"You are not permitted to create images owned by '{owner}'.")
        check_visibility(image.visibility, caller)
        made = msgspec.structs.replace(image, id=image.id or new_uuid(), owner=owner)
        self.check_limits(made)
        return await self._images.add(made, quotas.allow_image(self._settings, owner))

    def check_limits(self, image: Image) -> None:
        """Raises TooLarge when the image has more properties or tags than one may have."""
        for what, count, most in (
            ("properties", len(image.properties), self._settings.most_properties),
            ("tags", len(image.tags), self._settings.most_tags),
        ):
            if 0 <= most < count:
                raise TooLarge(
                    f"The limit has been exceeded on the number of allowed image {what}. "
                    f"Attempted: {count}, Maximum: {most}"
                )

    async def get(self, image_id: str, caller: Caller) -> Image:
        """Raises NotFound, also for what the caller may not see."""
        image, is_member = await self._images.seen(image_id, caller.project_id)
        if image is None or not may_see(image, caller, is_member):
            raise NotFound(f"No image found with ID {image_id}")
        return image

    async def own(self, image_id: str, caller: Caller, verb: str = "modify") -> Image:
        """An image the caller may change. Raises NotFound, Forbidden."""
        image = await self.get(image_id, caller)
        if not (caller.is_admin or caller.owns(image.owner)):
            raise Forbidden(f"You are not permitted to {verb} this image.")
        return image

    async def page(self, listing: Listing, caller: Caller) -> list[Image]:
        """One image more than asked for when there are more. Raises BadRequest for an unknown marker."""
        page = await self._images.page(listing, caller)
        if page is None:
            raise BadRequest(f"Marker {listing.marker} could not be found.")
        return page

    async def change(self, image_id: str, changes: Sequence[Change], caller: Caller) -> Image:
        """Apply a JSON patch, all of it or nothing. Raises NotFound, Forbidden, Conflict, TooLarge."""
        await self.own(image_id, caller)

        def decide(image: Image) -> Image:
            new = patched(image, changes, is_admin=caller.is_admin)
            if new.visibility != image.visibility:
                check_visibility(new.visibility, caller)
            if len(new.properties) > len(image.properties) or len(new.tags) > len(image.tags):
                self.check_limits(new)
            return new

        return await self._change(image_id, decide)

    async def _change(self, image_id: str, decide: Callable[[Image], Image]) -> Image:
        def still_there(image: Image | None) -> Image:
            if image is None:
                raise NotFound(f"No image found with ID {image_id}")
            return decide(image)

        changed = await self._images.change(image_id, still_there)
        assert changed is not None
        return changed

    async def add_tag(self, image_id: str, tag: str, caller: Caller) -> None:
        await self.own(image_id, caller)

        def decide(image: Image) -> Image:
            new = msgspec.structs.replace(image, tags=tuple(sorted({*image.tags, tag})))
            self.check_limits(new)
            return new

        await self._change(image_id, decide)

    async def remove_tag(self, image_id: str, tag: str, caller: Caller) -> None:
        await self.own(image_id, caller)

        def decide(image: Image) -> Image:
            if tag not in image.tags:
                raise NotFound(f"Tag {tag} is not on image {image_id}")
            return msgspec.structs.replace(image, tags=tuple(each for each in image.tags if each != tag))

        await self._change(image_id, decide)

    async def set_active(self, image_id: str, active: bool, caller: Caller) -> None:
        """Deactivate or reactivate; so already is no error. Raises Forbidden in any other state."""
        verb, wanted = ("reactivate", "active") if active else ("deactivate", "deactivated")
        await self.own(image_id, caller, verb)

        def decide(image: Image) -> Image:
            if image.status not in ("active", "deactivated"):
                raise Forbidden(f"Not allowed to {verb} image in status '{image.status}'")
            return msgspec.structs.replace(image, status=wanted)

        await self._change(image_id, decide)

    async def delete(self, image_id: str, caller: Caller) -> None:
        """Remove the image, then its file. An upload that goes on finds out at its end. Raises NotFound, Forbidden."""
        await self.own(image_id, caller, "delete")

        def check(image: Image | None) -> None:
            if image is None:
                raise NotFound(f"Failed to find image {image_id} to delete")
            if image.protected:
                raise Forbidden(f"Image {image_id} is protected and cannot be deleted.")
            if image.status == "importing":
                raise Conflict(f"Image {image_id} could not be deleted because it is being imported")

        gone = await self._images.remove(image_id, check)
        if gone is not None and gone.token:
            await asyncio.to_thread(self._files.remove, gone.file_name)

    async def usage(self, project_id: str | None) -> dict[str, dict[str, int]]:
        """What ``GET /v2/info/usage`` shows: limits and use of the caller's project, bytes in MiB."""
        used = await self._images.usage(project_id)
        stored, staged = quotas.bytes_of(used, staged=False), quotas.bytes_of(used, staged=True)
        settings = self._settings
        return {
            "image_size_total": {"limit": _mebibytes(settings.project_bytes), "usage": _mebibytes(stored)},
            "image_stage_total": {"limit": _mebibytes(settings.project_staged_bytes), "usage": _mebibytes(staged)},
            "image_count_total": {"limit": settings.project_images, "usage": quotas.images_of(used)},
            "image_count_uploading": {"limit": settings.project_uploads, "usage": quotas.uploads_of(used)},
        }


def check_visibility(visibility: str, caller: Caller) -> None:
    if visibility == "public" and not caller.may_publish:
        raise Forbidden("You are not authorized to complete publicize_image action.")
    if visibility == "community" and not caller.may_share_widely:
        raise Forbidden("You are not authorized to complete communitize_image action.")


def _mebibytes(size: int) -> int:
    return size if size < 0 else size // 1024**2
