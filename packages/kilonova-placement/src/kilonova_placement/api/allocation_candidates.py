"""``/allocation_candidates``: what could be allocated where, made from the index's columns alone.

The answer is put together from parts that are encoded once: the amounts of a group, and the traits that thousands of
providers have alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer
from kilonova_kit.http.versioned import Version

from kilonova_placement.api import schemas
from kilonova_placement.api.candidate_queries import read_candidates
from kilonova_placement.api.reading import ApiCall, check_accept, date_headers, read_parameters
from kilonova_placement.app import catalog
from kilonova_placement.deciding.candidates import Asked, Candidate, find, rows_to_summarize
from kilonova_placement.deciding.index import Index, Labels

_DICTIONARIES, _TRAITS, _ALL_CLASSES, _PARENTS, _MAPPINGS = (1, 12), (1, 17), (1, 27), (1, 29), (1, 34)
_encode = msgspec.json.Encoder().encode


async def index(call: ApiCall) -> Answer:
    check_accept(call)
    given = read_parameters(call, schemas.list_candidates(call.version))
    asked = read_candidates(given, call.version)
    await _check_names(call, asked)
    columns = call.app.ledger.index
    found = find(asked, columns)
    rows = rows_to_summarize(found, columns, nested=asked.nested)
    body = {
        "allocation_requests": _requests(found, columns, call.version),
        "provider_summaries": _Summaries(columns, call.version, asked).of(rows),
    }
    return Answer(raw=_encode(body), headers=date_headers(call))


async def _check_names(call: ApiCall, asked: Asked) -> None:
    classes = dict.fromkeys(name for group in asked.groups for name in group.resources)
    traits = {*asked.root_required, *asked.root_forbidden}
    for group in asked.groups:
        traits.update(group.forbidden, *group.required)
    unknown_classes, unknown_traits = await catalog.check_names(call.app, classes, traits)
    if unknown_classes:
        raise BadRequest(f"Invalid resource class in resources parameter: No such resource class {unknown_classes[0]}.")
    if unknown_traits:
        raise BadRequest(f"No such trait(s): {', '.join(unknown_traits)}.")


def _requests(found: Iterable[Candidate], index: Index, version: Version) -> list[dict[str, Any]]:
    ids, given = index.provider_ids, _Given()
    if version < _DICTIONARIES:
        return [
            {
                "allocations": [
                    {"resource_provider": {"uuid": ids[row]}, "resources": of} for row, of in one.parts.items()
                ]
            }
            for one in found
        ]
    if version < _MAPPINGS:
        return [{"allocations": {ids[row]: given(of) for row, of in one.parts.items()}} for one in found]
    return [
        {
            "allocations": {ids[row]: given(of) for row, of in one.parts.items()},
            "mappings": {suffix: [ids[row] for row in rows] for suffix, rows in one.mappings.items()},
        }
        for one in found
    ]


class _Given:
    """``{"resources": ...}``, encoded once as long as it is the same object."""

    def __init__(self) -> None:
        self._last: Mapping[str, int] | None = None
        self._raw = msgspec.Raw()

    def __call__(self, amounts: Mapping[str, int]) -> msgspec.Raw:
        if amounts is not self._last:
            self._last, self._raw = amounts, msgspec.Raw(_encode({"resources": amounts}))
        return self._raw


class _Summaries:
    """What providers have, use and are, in the shape of a version."""

    def __init__(self, index: Index, version: Version, asked: Asked) -> None:
        self._index, self._version = index, version
        self._asked = None if version >= _ALL_CLASSES else {name for group in asked.groups for name in group.resources}
        self._traits: dict[Labels, msgspec.Raw] = {}

    def of(self, rows: list[int]) -> dict[str, dict[str, Any]]:
        index, resources = self._index, self._resources(rows)
        found: dict[str, dict[str, Any]] = {
            index.provider_ids[row]: {"resources": resources[number]} for number, row in enumerate(rows)
        }
        if self._version >= _TRAITS:
            for row, summary in zip(rows, found.values(), strict=True):
                summary["traits"] = self._traits_of(index.own_traits[row])
        if self._version >= _PARENTS:
            roots = index.root[rows].tolist() if rows else []
            for row, root, summary in zip(rows, roots, found.values(), strict=True):
                summary["parent_provider_uuid"] = index.parent_ids[row]
                summary["root_provider_uuid"] = index.provider_ids[root]
        return found

    def _resources(self, rows: list[int]) -> list[dict[str, Any]]:
        """Class by class over all rows: a column is read once."""
        found: list[dict[str, Any]] = [{} for _ in rows]
        for name, columns in self._index.classes.items():
            if not rows or (self._asked is not None and name not in self._asked):
                continue
            whole = zip(
                columns.capacity[rows].tolist(), columns.used[rows].tolist(), self._has(name, rows), strict=True
            )
            for resources, (capacity, used, has) in zip(found, whole, strict=True):
                if has:
                    resources[name] = {"capacity": capacity, "used": used}
        return found

    def _has(self, name: str, rows: list[int]) -> list[bool]:
        """Which rows have an inventory of the class; a tree's root shows the units of the whole tree in the columns."""
        index = self._index
        has: list[bool] = (index.classes[name].max_unit[rows] > 0).tolist()
        if index.has_trees():
            for number, row in enumerate(rows):
                tree = index.tree(row)
                if tree is not None:
                    has[number] = name in tree[row].inventories
        return has

    def _traits_of(self, labels: Labels) -> msgspec.Raw:
        raw = self._traits.get(labels)
        if raw is None:
            standard_first = sorted(labels, key=lambda name: (name.startswith("CUSTOM_"), name))
            raw = self._traits[labels] = msgspec.Raw(_encode(standard_first))
        return raw
