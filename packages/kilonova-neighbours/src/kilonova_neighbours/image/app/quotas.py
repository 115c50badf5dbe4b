"""Quotas: what a project may have in all. They are looked at again in the transaction that would take more.

What many ask for at once is allowed one after the other: each sees what those before it have got.
"""

from __future__ import annotations

from kilonova_kit.errors import TooLarge

from kilonova_neighbours.image.settings import ImageSettings
from kilonova_neighbours.image.store.images import Allow, Usage

_STAGED = ("uploading", "importing")
_BUSY = ("saving", *_STAGED)


def images_of(usage: Usage) -> int:
    return sum(images for images, _ in usage.values())


def uploads_of(usage: Usage) -> int:
    return sum(images for state, (images, _) in usage.items() if state in _BUSY)


def bytes_of(usage: Usage, *, staged: bool) -> int:
    """What is stored for good, or what waits to be imported."""
    return sum(size for state, (_, size) in usage.items() if (state in _STAGED) == staged)


def allow_image(settings: ImageSettings, owner: str | None) -> Allow | None:
    """For one more image; None where there is no limit."""
    most = settings.project_images

    def allow(usage: Usage) -> None:
        if (count := images_of(usage)) > most:
            words = f"{count - 1} of {most} images exist"
            raise TooLarge(f"Project {owner} is over a limit for image_count_total: {words}")

    return allow if most >= 0 else None


def allow_upload(settings: ImageSettings, owner: str | None) -> Allow | None:
    """For one more upload, staging or import under way; None where there is no limit."""
    most = settings.project_uploads

    def allow(usage: Usage) -> None:
        if (count := uploads_of(usage)) > most:
            raise TooLarge(f"Project {owner} is over a limit for image_count_uploading: {count - 1} are under way")

    return allow if most >= 0 else None


def allow_bytes(settings: ImageSettings, owner: str | None, *, staged: bool) -> Allow | None:
    """For the bytes that have come; None where there is no limit."""
    most = settings.project_staged_bytes if staged else settings.project_bytes

    def allow(usage: Usage) -> None:
        if bytes_of(usage, staged=staged) > most:
            name = "image_stage_total" if staged else "image_size_total"
            raise TooLarge(f"Project {owner} is over a limit for {name}: it may have {most} bytes")

    return allow if most >= 0 else None
