"""Address scopes: names for sets of addresses that do not overlap."""

from __future__ import annotations

from kilonova_neighbours.network.app.work import Work, check_privileged, require_own, require_seen, standard
from kilonova_neighbours.network.model.records import ListQuery, Record
from kilonova_neighbours.network.model.refusals import conflict, invalid
from kilonova_neighbours.network.store import records
from kilonova_neighbours.network.store.kinds import ADDRESS_SCOPE, SUBNETPOOL


def create(work: Work, body: Record) -> Record:
    check_privileged(work, "create_address_scope", {n for n in ("shared",) if body.get(n)}, ("shared",))
    scope = standard(work, body)
    records.add(work.tx, ADDRESS_SCOPE, scope)
    return scope


def show(work: Work, scope_id: str) -> Record:
    return require_seen(work, ADDRESS_SCOPE, scope_id)


def list_page(work: Work, asked: ListQuery) -> list[Record]:
    return records.list_records(work.tx, ADDRESS_SCOPE, work.actor, asked)


def update(work: Work, scope_id: str, changes: Record) -> Record:
    scope = require_own(work, ADDRESS_SCOPE, scope_id, "update")
    check_privileged(work, "update_address_scope", changes, ("shared",))
    if scope["shared"] and changes.get("shared") is False:
        raise invalid(
            "AddressScopeUpdateError",
            f"Unable to update address scope {scope_id} : Shared address scope can't be unshared.",
        )
    records.change(work.tx, ADDRESS_SCOPE, scope_id, changes, work.now)
    return show(work, scope_id)


def delete(work: Work, scope_id: str) -> None:
    require_own(work, ADDRESS_SCOPE, scope_id, "delete")
    if records.find_by(work.tx, SUBNETPOOL, "address_scope_id", [scope_id]):
        raise conflict(
            "AddressScopeInUse",
            f"Unable to complete operation on address scope {scope_id}. There are one or more subnet pools in use "
            "on the address scope.",
        )
    records.remove(work.tx, ADDRESS_SCOPE, scope_id)
