"""Sets of processors: as operators write them, and which of them a guest gets for itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from kilonova_driver.errors import NoResources

_PART = re.compile(r"(\^?)(\d+)(?:-(\d+))?")
#: More than any machine has: a typing error is not to fill the memory.
_MOST = 1 << 14

Cores = tuple[tuple[int, ...], ...]


def read_processors(text: str) -> frozenset[int]:
    """Read Nova's form of a set: ``2-5,^3,8``; ``^`` takes away, wherever it stands. ValueError says what is wrong."""
    found: set[int] = set()
    taken: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch("".join(part.split()))
        if match is None:
            raise ValueError(f"{part!r} is no processor, and no range like 2-5 or ^3")
        first, last = int(match[2]), int(match[3] or match[2])
        if last < first or last >= _MOST or (match[1] and match[3]):
            raise ValueError(f"{part!r} is no range that a machine has")
        (taken if match[1] else found).update(range(first, last + 1))
    if not found - taken:
        raise ValueError(f"{text!r} leaves no processor")
    return frozenset(found - taken)


def written(processors: Iterable[int]) -> str:
    """A set for people."""
    return ",".join(map(str, sorted(processors)))


def pick(cores: Cores, free: Collection[int], count: int, thread_policy: str) -> tuple[list[int], list[int]]:
    """So many free processors, and those that must stay idle beside them. Raises NoResources.

    ``isolate`` takes one of each core that is wholly free, and leaves its siblings idle. All else fills cores up, so
    that siblings are together and whole cores stay whole for others.
    """
    here = [[cpu for cpu in core if cpu in free] for core in cores]
    if thread_policy == "isolate":
        whole = [core for core, left in zip(cores, here, strict=True) if len(left) == len(core)][:count]
        chosen, idle = [core[0] for core in whole], [cpu for core in whole for cpu in core[1:]]
    else:
        chosen, idle = _filled(here, count), []
    if len(chosen) < count:
        raise NoResources(f"{count} processors were claimed for the guest alone, only {len(chosen)} are free")
    return chosen, idle


def _filled(cores: list[list[int]], count: int) -> list[int]:
    chosen: list[int] = []
    left = [core for core in cores if core]
    while left and len(chosen) < count:
        missing = count - len(chosen)
        fitting = [core for core in left if len(core) <= missing]
        best = max(fitting, key=len) if fitting else min(left, key=len)
        chosen += best[:missing]
        left.remove(best)
    return chosen
