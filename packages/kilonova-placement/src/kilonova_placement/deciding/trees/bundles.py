"""What must come from one provider, bundle by bundle.

Apart, bundles are matched to providers. Where they may share, the one that fewest providers can give goes first, to
the fullest that can; if that leaves one over, they are tried apart. Bundles of one subtree are tried below each
provider in turn, as the Placement API defines ``same_subtree``: one of them gives a bundle and is above all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kilonova_placement.deciding.trees.look import Look, Shortfall
from kilonova_placement.deciding.trees.matching import Matching
from kilonova_placement.model.requests import Bundle, Request

#: The rows that each bundle may come from, by the bundle's name.
Able = dict[str, set[int]]


def place_bundles(look: Look, request: Request) -> Shortfall | None:
    """Take what the bundles ask."""
    able: Able = {bundle.name: {row for row in look.rows if _gives(look, row, bundle)} for bundle in request.bundles}
    for bundle in request.bundles:
        if not able[bundle.name]:
            return Shortfall(f"group {bundle.name}", f"no one part that can give {_said(bundle)}")
    for names in request.same_subtree:
        below = _below_one(look, request, able, names)
        if below is None:
            return Shortfall("same subtree", f"no part that gives {', '.join(names)} with what is below it")
        able.update(below)
    if _placed(look, request, able):
        return None
    return Shortfall("groups", f"no way to give the groups {', '.join(able)} together")


def _gives(look: Look, row: int, bundle: Bundle) -> bool:
    if not look.has_traits(row, bundle.required_traits, bundle.forbidden_traits):
        return False
    return all(look.gives(row, name, amount) for name, amount in bundle.resources.items())


def _below_one(look: Look, request: Request, able: Able, names: Sequence[str]) -> Able | None:
    """What these bundles are able to when they hang below one of them: the first top with which they fit."""
    only = [bundle for bundle in request.bundles if bundle.name in names]
    for top in look.rows:
        subtree = look.subtree(top)
        below = {name: able[name] & subtree for name in names}
        for name in (name for name in names if top in below[name]):
            narrowed = {**below, name: {top}}
            mark = look.mark()
            fits = all(narrowed.values()) and _fit(look, only, narrowed, apart=request.bundles_apart)
            look.back_to(mark)
            if fits:
                return narrowed
    return None


def _placed(look: Look, request: Request, able: Able) -> bool:
    return _fit(look, request.bundles, able, apart=request.bundles_apart)


def _fit(look: Look, bundles: Sequence[Bundle], able: Mapping[str, set[int]], *, apart: bool) -> bool:
    bundles = [bundle for bundle in bundles if bundle.resources]
    mark = look.mark()
    if not apart:
        if _one_by_one(look, bundles, able):
            return True
        look.back_to(mark)
    return _each_its_own(look, bundles, able)


def _one_by_one(look: Look, bundles: Sequence[Bundle], able: Mapping[str, set[int]]) -> bool:
    for bundle in sorted(bundles, key=lambda one: (len(able[one.name]), -sum(one.resources.values()))):
        rows = [row for row in able[bundle.name] if _gives(look, row, bundle)]
        if not rows:
            return False
        _take(look, min(rows, key=lambda row: (sum(look.left(row, name) for name in bundle.resources), row)), bundle)
    return True


def _each_its_own(look: Look, bundles: Sequence[Bundle], able: Mapping[str, set[int]]) -> bool:
    rows = sorted(set().union(*(able[bundle.name] for bundle in bundles)))
    fits = {row: [number for number, bundle in enumerate(bundles) if row in able[bundle.name]] for row in rows}
    matching = Matching(fits)
    for row in rows:
        matching.add(row)
    if len(matching) < len(bundles):
        return False
    for number, row in matching.pairs():
        _take(look, row, bundles[number])
    return True


def _take(look: Look, row: int, bundle: Bundle) -> None:
    for name, amount in bundle.resources.items():
        look.take(row, name, amount)


def _said(bundle: Bundle) -> str:
    wants = [f"{amount} {name}" for name, amount in bundle.resources.items()]
    wants += [*bundle.required_traits, *(f"no {name}" for name in bundle.forbidden_traits)]
    return " and ".join(wants) or "anything"
