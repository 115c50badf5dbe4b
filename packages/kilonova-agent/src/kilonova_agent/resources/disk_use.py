"""How much of the disk is neither free nor guests': the system's, the image cache's, whoever else's."""

from __future__ import annotations

import os
from pathlib import Path

_GIB = 1 << 30
#: A change of so much is told; smaller ones are the ebb and flow of logs and caches.
_NOTICEABLE_GB = 2


def reserved_gb(driver_dir: Path, before: int | None) -> int:
    """Measure it, rounded up; ``before`` again when it has hardly changed. Raises OSError."""
    space = os.statvfs(driver_dir)
    away = (space.f_blocks - space.f_bavail) * space.f_frsize - _used_below(driver_dir)
    now = max(0, -(-away // _GIB))
    return before if before is not None and abs(now - before) < _NOTICEABLE_GB else now


def _used_below(directory: Path) -> int:
    """What files really take: a sparse disk is as large as what was written to it."""
    total = 0
    for home, _, files in os.walk(directory):
        for name in files:
            try:
                total += os.lstat(f"{home}/{name}").st_blocks * 512
            except FileNotFoundError:
                continue  # a guest was removed meanwhile
    return total
