"""What a list's query string asks, and the links of its pages (neutron/api/api_common.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from kilonova_neighbours.network.model.records import ListQuery, Record
from kilonova_neighbours.network.model.refusals import bad_request

_NOT_FILTERS = frozenset({"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir", "verbose"})
Pairs = Sequence[tuple[str, str]]


def pairs_of(request: Any) -> Pairs:
    return parse_qsl(request.query_string, keep_blank_values=True)


def fields_of(pairs: Pairs) -> list[str]:
    return [value for name, value in pairs if name == "fields" and value]


def read_list_query(pairs: Pairs, most: int) -> ListQuery:
    """Raises BadRequest."""
    filters: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in _NOT_FILTERS:
            filters.setdefault(name, []).append(value)
    single = dict(pairs)
    return ListQuery(
        filters=filters,
        sort=_sort(pairs),
        limit=_limit(single.get("limit"), most),
        marker=single.get("marker") or None,
        page_reverse=single.get("page_reverse", "").lower() in ("true", "1"),
    )


def _sort(pairs: Pairs) -> tuple[tuple[str, bool], ...]:
    keys = [value for name, value in pairs if name == "sort_key"]
    directions = [value for name, value in pairs if name == "sort_dir"]
    if directions and len(keys) != len(directions):
        raise bad_request("The number of sort_keys and sort_dirs must be same")
    if unknown := [direction for direction in directions if direction not in ("asc", "desc")]:
        raise bad_request(f"{unknown} is invalid value for sort_dirs, valid value is 'asc' and 'desc'")
    each = [(key, (directions[at] if directions else "asc") == "asc") for at, key in enumerate(keys)]
    return tuple({key: (key, ascending) for key, ascending in reversed(each)}.values())[::-1]  # the first one counts


def _limit(given: str | None, most: int) -> int | None:
    """0 and nothing mean all that there are; another number counts, but at most ``most``."""
    if given in (None, "0"):
        return None
    try:
        limit = int(str(given))
    except ValueError:
        limit = -1
    if limit < 0:
        raise bad_request(f"Limit must be an integer 0 or greater and not '{given}'")
    return min(limit, most)


def links_of(items: Sequence[Record], asked: ListQuery, url: str, pairs: Pairs) -> list[dict[str, str]]:
    """``next`` while the page is full, ``previous`` likewise when paging backwards."""
    if not asked.limit:
        return []
    kept = [(name, value) for name, value in pairs if name not in ("marker", "page_reverse")]
    full, links = len(items) >= asked.limit, []
    if full or asked.page_reverse:
        marker = [("marker", items[-1]["id"])] if items else []
        links.append({"rel": "next", "href": f"{url}?{urlencode([*kept, *marker])}"})
    if full or not asked.page_reverse:
        marker = [("marker", items[0]["id"])] if items else []
        query = urlencode([*kept, *marker, ("page_reverse", "True")])
        links.append({"rel": "previous", "href": f"{url}?{query}"})
    return links
