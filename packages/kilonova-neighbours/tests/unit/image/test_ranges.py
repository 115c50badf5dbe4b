"""The part of a file that a Range header means."""

from __future__ import annotations

import pytest
from kilonova_neighbours.image.api.data import RangeNotSatisfiable, wanted_range


@pytest.mark.parametrize(
    ("header", "size", "part"),
    [
        (None, 10, (0, 10, False)),
        ("", 10, (0, 10, False)),
        ("bytes=-", 10, (0, 10, False)),
        ("bytes=0-0", 10, (0, 1, True)),
        ("bytes=-20", 10, (0, 10, True)),
        (" bytes=3-4 ", 10, (3, 5, True)),
        ("bytes=a-b", 10, (0, 10, False)),
    ],
)
def test_a_range_is_read(header, size, part):
    assert wanted_range(header, size) == part


@pytest.mark.parametrize(("header", "size"), [("bytes=5-4", 10), ("bytes=10-10", 10), ("bytes=0-", 0)])
def test_a_range_behind_the_end_is_refused(header, size):
    with pytest.raises(RangeNotSatisfiable):
        wanted_range(header, size)
