"""Which hosts' rows have changed since when: what a picture kept between decisions must look at again."""

from __future__ import annotations

#: Changes remembered at most; whoever looks again after more than these looks at everything.
_MOST = 20_000


class ChangedRows:
    """Rows in the order they changed; ``number`` counts the changes ever noted."""

    def __init__(self) -> None:
        self.number = 0
        self._rows: list[int] = []

    def add(self, row: int) -> None:
        """Note that something of this row has changed."""
        if len(self._rows) == _MOST:
            del self._rows[: _MOST // 2]
        self._rows.append(row)
        self.number += 1

    def since(self, number: int) -> set[int] | None:
        """The rows changed after the change of this number; None when that is too long ago to say."""
        forgotten = self.number - len(self._rows)
        return set(self._rows[number - forgotten :]) if number >= forgotten else None
