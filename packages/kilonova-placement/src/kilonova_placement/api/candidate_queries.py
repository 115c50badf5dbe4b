"""The query string of ``GET /allocation_candidates`` to a question. Raises BadRequest in the real service's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.versioned import Version

from kilonova_placement.api.queries import read_in_tree, read_member_of, read_required, read_resources, read_traits
from kilonova_placement.api.reading import Parameters
from kilonova_placement.deciding.candidates import Asked, Group

_NUMBERED = re.compile(r"(resources|required|member_of|in_tree)([1-9][0-9]*)?")
_NAMED = re.compile(r"(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})?")
_NESTED, _NAMED_SUFFIXES, _SUBTREES, _FORBIDDEN_TRAITS = (1, 29), (1, 33), (1, 36), (1, 22)
_BAD_VALUE = "placement.query.bad_value"
_MANY_DIGITS = 19


def read_candidates(given: Parameters, version: Version) -> Asked:
    """The whole question; the names of classes and traits are not looked up here."""
    root_required, root_forbidden = _root_traits(given)
    subtrees = _subtrees(given)
    groups = _groups(given, version)
    if version >= _SUBTREES:
        _check_subtrees(groups, subtrees)
    else:
        _check_orphans(groups)
    if version >= _FORBIDDEN_TRAITS:
        _check_conflicts(groups.values())
    policy = given.last.get("group_policy")
    if policy is None and sum(1 for suffix in groups if suffix) > 1:
        raise BadRequest(
            'The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.'
        )
    return Asked(
        groups=tuple(groups.values()),
        isolate=policy == "isolate",
        root_required=root_required,
        root_forbidden=root_forbidden,
        same_subtrees=subtrees,
        limit=_limit(given.last.get("limit")),
        nested=version >= _NESTED,
    )


def _limit(text: str | None) -> int | None:
    """More than anybody has is as good as none; Python reads no number of thousands of digits."""
    return int(text) if text and len(text) < _MANY_DIGITS else None


def _groups(given: Parameters, version: Version) -> dict[str, Group]:
    pattern = _NAMED if version >= _NAMED_SUFFIXES else _NUMBERED
    suffixes = dict.fromkeys(found[2] or "" for key in given.last if (found := pattern.fullmatch(key)))
    return {suffix: _group(given, version, suffix) for suffix in suffixes}


def _group(given: Parameters, version: Version, suffix: str) -> Group:
    resources, in_tree = given.last.get(f"resources{suffix}"), given.last.get(f"in_tree{suffix}")
    required, member_of = read_required(given, version, suffix), read_member_of(given, version, suffix)
    return Group(
        suffix=suffix,
        resources={} if resources is None else read_resources(resources),
        required=required.any,
        forbidden=required.none,
        member_of=member_of.any,
        not_member_of=member_of.none,
        in_tree=None if in_tree is None else read_in_tree(in_tree),
    )


def _root_traits(given: Parameters) -> tuple[frozenset[str], frozenset[str]]:
    values = given.all("root_required")
    if len(values) > 1:
        raise BadRequest(
            "Query parameter 'root_required' may be specified only once.", kind="placement.query.duplicate_key"
        )
    if not values:
        return frozenset(), frozenset()
    required, forbidden = read_traits(values[0], forbidden=True)
    if both := set(required) & set(forbidden):
        raise BadRequest(
            f"Conflicting required and forbidden traits found in root_required: {', '.join(sorted(both))}",
            kind=_BAD_VALUE,
        )
    return frozenset(required), frozenset(forbidden)


def _subtrees(given: Parameters) -> tuple[frozenset[str], ...]:
    found = [frozenset(part.strip() for part in value.split(",")) for value in given.all("same_subtree")]
    if any("" in suffixes for suffixes in found):
        raise BadRequest("Empty string (unsuffixed group) can not be specified in `same_subtree` ", kind=_BAD_VALUE)
    return tuple(found)


def _check_subtrees(groups: Mapping[str, Group], subtrees: Iterable[frozenset[str]]) -> None:
    """Groups may be without resources where a subtree names them; every name must be a group's."""
    without = {suffix for suffix, group in groups.items() if not group.resources}
    named = frozenset[str]().union(*subtrees)
    if len(without) == len(groups):
        raise BadRequest(
            "There must be at least one resources or resources[$S] parameter.", kind="placement.query.missing_value"
        )
    if bad := sorted(without - named):
        raise BadRequest(
            "Resourceless suffixed group request should be specified in `same_subtree` query param: "
            f"bad group(s) - {bad}.",
            kind=_BAD_VALUE,
        )
    if bad := sorted(named - groups.keys()):
        raise BadRequest(
            f"Real suffixes should be specified in `same_subtree`: {bad} not found in {list(groups)}.", kind=_BAD_VALUE
        )


def _check_orphans(groups: Mapping[str, Group]) -> None:
    orphans = [f"required{suffix}" for suffix, group in groups.items() if group.required and not group.resources]
    if orphans:
        raise BadRequest(
            "All traits parameters must be associated with resources.  "
            f"Found the following orphaned traits keys: {', '.join(orphans)}"
        )
    orphans = [
        f"member_of{suffix}"
        for suffix, group in groups.items()
        if not group.resources and (group.member_of or group.not_member_of)
    ]
    if orphans:
        raise BadRequest(
            "All member_of parameters must be associated with resources. "
            f"Found the following orphaned member_of keys: {', '.join(orphans)}"
        )
    if not all(group.resources for group in groups.values()):
        raise BadRequest("All request groups must specify resources.")
    if not groups:
        raise BadRequest("At least one request group (`resources` or `resources{$S}`) is required.")


def _check_conflicts(groups: Iterable[Group]) -> None:
    conflicts = [
        f"required{group.suffix}: ({', '.join(sorted(names))})"
        for group in groups
        for names in group.required
        if names <= group.forbidden
    ]
    if conflicts:
        raise BadRequest(
            "Conflicting required and forbidden traits found in the following traits keys: "
            f"{', '.join(sorted(conflicts))}"
        )
