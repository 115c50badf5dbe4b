"""What a package with constraints or weighers of its own imports; nothing else of placement is promised to it.

See docs/howto/write-a-constraint-or-weigher.md.
"""

from __future__ import annotations

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score, Weigher
from kilonova_placement.model.requests import Request

__all__ = ["Check", "Index", "Mask", "Miss", "Request", "Rows", "Score", "Wanted", "Weigher", "plural"]
