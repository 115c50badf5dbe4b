"""What was looked at: each thing with what is wanted and what was found, and nothing that cannot differ."""

from __future__ import annotations

import json
from typing import Any


class Rows:
    """Rows in the order in which they were found."""

    def __init__(self) -> None:
        self.all: list[list[str]] = []

    def same(self, room: str, what: str, wanted: Any, found: Any) -> None:
        """Write it down; also to the console, for whoever waits."""
        row = [room, what, written(wanted), written(found)]
        self.all.append(row)
        print("ok  " if row[2] == row[3] else "FAIL", *row, sep=" | ", flush=True)


def written(thing: Any) -> str:
    """Sets and keys in order, so that equal things look alike."""
    if isinstance(thing, str):
        return thing
    return json.dumps(thing, sort_keys=True, default=lambda other: sorted(other))
