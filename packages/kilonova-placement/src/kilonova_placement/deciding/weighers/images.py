"""Prefer hosts that have the image at hand, but draw no crowd to the few that have it.

The preference fades with every guest that came to the host within the last minute, and is gone with the fourth: a
hundred servers of a new image go to where there is room, and the image follows them.
"""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score

_CROWD = 4


def images(wanted: Wanted, index: Index) -> Score | None:
    image_id = wanted.request.image.image_id
    if not image_id:
        return None
    has_it = index.attributes.images.has(image_id, index.rows)
    if not has_it.any():
        return None
    fading = np.maximum(0.0, 1.0 - index.attributes.arriving[: index.rows] / _CROWD)
    return np.multiply(fading, has_it)


def images_after(wanted: Wanted, index: Index, row: int, already: int) -> float:
    image_id, here = wanted.request.image.image_id, index.attributes
    fades = image_id and here.arriving[row] + already < _CROWD and here.images.row_has(image_id, row)
    return -1 / _CROWD if fades else 0.0
