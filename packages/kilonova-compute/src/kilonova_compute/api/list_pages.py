"""Limits, markers and links of lists, as every list of the compute API has them.

A page that is as long as its limit has a ``next`` link, whether or not there is more (nova, api/openstack/common.py,
``_get_collection_links``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Call
from kilonova_kit.http.paging import next_link

from kilonova_compute.api.types.values import whole_text
from kilonova_compute.app.compute import Compute

Link = dict[str, str]


def last(values: Sequence[str]) -> str | None:
    """Of a parameter given several times, the one that counts."""
    return values[-1] if values else None


def one_of(name: str, values: Sequence[str], allowed: Sequence[str], usual: str) -> str:
    """A parameter that must be one of a few words. Raises BadRequest."""
    for value in values:
        if value not in allowed:
            raise BadRequest(
                f"Invalid input for query parameters {name}. Value: {value}. '{value}' is not one of {list(allowed)}"
            )
    return last(values) or usual


def page_size(call: Call[Compute, Any, Any], limits: Sequence[str]) -> int:
    """How long the page may be. Raises BadRequest for what is not a whole number."""
    sizes = [whole_text("limit", text) for text in limits]
    return min([call.app.page_limit, *sizes[-1:]])


def page_links(call: Call[Compute, Any, Any], size: int, markers: Sequence[str]) -> list[Link]:
    """The link to the page after these items, given by their markers."""
    if not size or len(markers) != size:
        return []
    pairs = parse_qsl(call.request.query_string, keep_blank_values=True)
    return next_link(call.own_url, pairs, markers[-1])


def self_and_bookmark(call: Call[Compute, Any, Any], collection: str, identifier: str) -> list[Link]:
    """The links of one item: with and without the version."""
    bookmark = call.base_url.rsplit("/", 1)[0]
    return [
        {"rel": "self", "href": f"{call.base_url}/{collection}/{identifier}"},
        {"rel": "bookmark", "href": f"{bookmark}/{collection}/{identifier}"},
    ]
