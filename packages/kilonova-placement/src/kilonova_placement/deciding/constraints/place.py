"""Where a request may stand: cell, zone, aggregates, a named host, one of some hosts, not these hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.model.requests import Place

_ANYWHERE = Place()


def place(wanted: Wanted, index: Index) -> list[Check]:
    asked = wanted.request.place
    if asked == _ANYWHERE:
        return []
    checks = [_aggregate(names, index) for names in asked.aggregates]
    if asked.zone:
        checks.insert(0, _zone(asked.zone, index))
    if asked.cell:
        checks.insert(0, _cell(asked.cell, index))
    if asked.host:
        checks.append(_host(asked.host, index))
    if asked.hosts is not None:
        checks.append(_one_of(asked.hosts, index))
    if asked.not_hosts:
        checks.append(_not_hosts(asked.not_hosts, index))
    return checks


def _cell(name: str, index: Index) -> Check:
    def narrow(mask: Mask) -> None:
        mask &= index.cell[: len(mask)] == index.cell_code(name)

    return Check("cell", narrow, ("is in the cell", "are in the cell"), _other("in the cell asked for"))


def _zone(name: str, index: Index) -> Check:
    def narrow(mask: Mask) -> None:
        index.places.keep_with_all((f"zone:{name}",), mask)

    return Check(f"zone {name}", narrow, (f"is in zone {name}", f"are in zone {name}"), _other(f"in zone {name}"))


def _aggregate(names: Iterable[str], index: Index) -> Check:
    labels = [f"aggregate:{name}" for name in names]

    def narrow(mask: Mask) -> None:
        index.places.keep_with_any(labels, mask)

    return Check("aggregate", narrow, ("is in the aggregate", "are in the aggregate"), _other("in the aggregate"))


def _host(name: str, index: Index) -> Check:
    def narrow(mask: Mask) -> None:
        _keep_only((name,), index, mask)

    return Check("host", narrow, ("is the host asked for", "are the host asked for"), _other("the host asked for"))


def _one_of(names: tuple[str, ...], index: Index) -> Check:
    def narrow(mask: Mask) -> None:
        _keep_only(names, index, mask)

    has = ("is one of the hosts asked for", "are hosts asked for")
    return Check("one of these hosts", narrow, has, _other("one of the hosts asked for"))


def _keep_only(names: Iterable[str], index: Index, mask: Mask) -> None:
    rows = [row for name in names if (row := index.row_of_host(name)) is not None]
    kept = mask[rows]
    mask[:] = False
    mask[rows] = kept


def _not_hosts(names: Iterable[str], index: Index) -> Check:
    def narrow(mask: Mask) -> None:
        for name in names:
            row = index.row_of_host(name)
            if row is not None:
                mask[row] = False

    def lacks(rows: Rows) -> Miss:
        return Miss(f"{plural(len(rows), 'is', 'are')} excluded by the request")

    return Check("not these hosts", narrow, ("is not excluded", "are not excluded"), lacks)


def _other(what: str) -> Callable[[Rows], Miss]:
    def lacks(rows: Rows) -> Miss:
        return Miss(f"{plural(len(rows), 'is', 'are')} not {what}")

    return lacks
