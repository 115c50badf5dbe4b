"""Prefer newer hypervisors: the oldest version there is weighs 0, the newest 1; one that is not said, 0 too."""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score


def hypervisor_version(wanted: Wanted, index: Index) -> Score | None:
    oldest, newest = index.attributes.oldest_version, index.attributes.newest_version
    if oldest == newest:
        return None
    weight = (index.attributes.hypervisor_version[: index.rows] - oldest) / (newest - oldest)
    return np.maximum(weight, 0.0, out=weight)
