"""Which images the cache has, by their ids: the file's name says what the bytes are, and not whose image they are.

    DIR/by-id/<image id> -> ../<algorithm>-<digest>.<format>

A name is made when the verified file is there, in one step; one whose file is gone says nothing. Agents that share the
cache share the names.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from kilonova_messages.reports import MOST_IMAGES

log = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ImageNames:
    """The names in one cache's directory."""

    def __init__(self, cache: Path) -> None:
        self._directory = cache / "by-id"

    def tidy(self) -> None:
        """Remove names without a file, and what a sudden death left."""
        for path in self._paths():
            if not path.exists():
                path.unlink(missing_ok=True)

    def note(self, image_id: str, file: Path) -> bool:
        """The image of this id is in this file; whether that is news. A name that cannot be written is not missed."""
        path, target = self._directory / image_id, f"../{file.name}"
        if not _ID.fullmatch(image_id) or _target(path) == target:
            return False
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._directory / f".{image_id}.{os.getpid()}"
            draft.unlink(missing_ok=True)
            draft.symlink_to(target)
            draft.replace(path)
        except OSError as error:
            log.warning("it cannot be written down that image %s is here: %s", image_id, error)
            return False
        return True

    def known(self) -> tuple[str, ...]:
        """The ids of the images that are here, sorted; of very many the newest ``MOST_IMAGES``."""
        there = [path for path in self._paths() if _ID.fullmatch(path.name) and path.exists()]
        if len(there) > MOST_IMAGES:
            there = sorted(there, key=_noted_at)[-MOST_IMAGES:]
        return tuple(sorted(path.name for path in there))

    def _paths(self) -> list[Path]:
        try:
            return list(self._directory.iterdir())
        except FileNotFoundError:
            return []


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _noted_at(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0
