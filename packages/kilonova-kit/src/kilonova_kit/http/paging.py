"""Keyset paging as the OpenStack APIs have it: ``limit``, ``marker`` and a ``next`` link.

A store asks for one item more than the page holds; the surplus item only says that there is a next page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from kilonova_kit.errors import BadRequest

T = TypeVar("T")
Link = dict[str, str]


def page_size(limit: int | None, maximum: int) -> int:
    """How many items to show: at most ``maximum``, and 0 or nothing asked means ``maximum``. Raises BadRequest."""
    if limit is None:
        return maximum
    if limit < 0:
        raise BadRequest("limit must be a non-negative integer")
    return min(limit, maximum) or maximum


def cut_page(items: Sequence[T], size: int) -> tuple[Sequence[T], bool]:
    """Split what the store gave into the page and whether there is more."""
    return items[:size], len(items) > size


def next_link(url: str, query: Iterable[tuple[str, str]], marker: str) -> list[Link]:
    """The ``next`` link: the request's own parameters with the last item's id as marker."""
    pairs = [(name, value) for name, value in query if name != "marker"]
    return [{"rel": "next", "href": f"{url}?{urlencode([*pairs, ('marker', marker)])}"}]
