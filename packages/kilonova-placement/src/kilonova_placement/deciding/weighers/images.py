"""Prefer hosts that have the image at hand, but neither draw a crowd to them nor put a whole class of servers there.

Two limits, and the preference fades towards both: guests that came to the host within the last minute (gone with the
fourth: a hundred servers of a new image go to where there is room, and the image follows them), and guests that it has
beyond what hosts have usually (gone with the fourth: servers that come one by one, too, are not all on the few hosts
that had the image first).
"""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score

_CROWD = 4


def images(wanted: Wanted, index: Index) -> Score | None:
    image_id, here = wanted.request.image.image_id, index.attributes
    if not image_id or not here.has_images:
        return None
    has_it = here.images.has(image_id, index.rows)
    if not has_it.any():
        return None
    fading = np.maximum(0.0, 1.0 - here.arriving[: index.rows] / _CROWD)
    beyond = here.guests[: index.rows] - index.usual_guests
    return np.multiply(fading, np.clip(1.0 - beyond / _CROWD, 0.0, 1.0)) * has_it


def images_after(wanted: Wanted, index: Index, row: int, already: int) -> float:
    image_id, here = wanted.request.image.image_id, index.attributes
    if not image_id or not here.images.row_has(image_id, row):
        return 0.0
    arriving, beyond = int(here.arriving[row]) + already, int(here.guests[row]) + already - index.usual_guests
    return _left(arriving + 1, beyond + 1) - _left(arriving, beyond)


def _left(arriving: int, beyond: int) -> float:
    """The preference for one host."""
    return max(0.0, 1.0 - arriving / _CROWD) * min(1.0, max(0.0, 1.0 - beyond / _CROWD))
