"""Unified limits, in the flat model: defaults per service and region, and what a project or domain has instead."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest, Conflict, Forbidden
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding
from kilonova_neighbours.identity.app.changes import Values, changed
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.limits import Limit, RegisteredLimit


def registered(work: Work, limit_id: str) -> RegisteredLimit:
    return finding.must(store.REGISTERED_LIMITS.get(work.tx, id=limit_id), "registered limit", limit_id)


def all_registered(work: Work, equals: Values) -> list[RegisteredLimit]:
    return store.REGISTERED_LIMITS.find(work.tx, **equals)


def register(work: Work, many: list[Values]) -> list[RegisteredLimit]:
    """All or none."""
    return [_register(work, values) for values in many]


def _register(work: Work, values: Values) -> RegisteredLimit:
    _check_place(work, values)
    _refuse_registered(work, values, "")
    return store.REGISTERED_LIMITS.add(work.tx, RegisteredLimit(id=new_hex_id(), **values))


def _check_place(work: Work, values: Values) -> None:
    service_id, region_id = values.get("service_id"), values.get("region_id")
    if service_id is not None and store.SERVICES.get(work.tx, id=service_id) is None:
        raise BadRequest(f"Could not find service: {service_id}.")
    if region_id is not None and store.REGIONS.get(work.tx, id=region_id) is None:
        raise BadRequest(f"Could not find region: {region_id}.")


def _key(values: Values) -> Values:
    return {name: values.get(name) for name in ("service_id", "region_id", "resource_name")}


def _refuse_registered(work: Work, values: Values, own_id: str) -> None:
    known = store.REGISTERED_LIMITS.get(work.tx, **_key(values))
    if known is not None and known.id != own_id:
        raise Conflict("Conflict occurred attempting to store registered_limit - Duplicate entry.")


def change_registered(work: Work, limit_id: str, values: Values) -> RegisteredLimit:
    known = registered(work, limit_id)
    _refuse_used(work, known, "update", moved=bool(values.keys() & {"service_id", "region_id", "resource_name"}))
    _check_place(work, values)
    new = changed(known, values)
    place = {"service_id": new.service_id, "region_id": new.region_id, "resource_name": new.resource_name}
    _refuse_registered(work, place, known.id)
    return store.REGISTERED_LIMITS.change(work.tx, new)


def _refuse_used(work: Work, known: RegisteredLimit, verb: str, *, moved: bool) -> None:
    place = {"service_id": known.service_id, "region_id": known.region_id, "resource_name": known.resource_name}
    if moved and store.LIMITS.get(work.tx, **place):
        raise Forbidden(f"Unable to {verb} registered limit {known.id} because there are project limits associated.")


def delete_registered(work: Work, limit_id: str) -> None:
    _refuse_used(work, registered(work, limit_id), "delete", moved=True)
    store.REGISTERED_LIMITS.remove(work.tx, id=limit_id)


def limit(work: Work, limit_id: str) -> Limit:
    return finding.must(store.LIMITS.get(work.tx, id=limit_id), "limit", limit_id)


def limits(work: Work, equals: Values) -> list[Limit]:
    return store.LIMITS.find(work.tx, **equals)


def create(work: Work, many: list[Values]) -> list[Limit]:
    """All or none. Raises Forbidden for a resource without a registered limit."""
    return [_create(work, values) for values in many]


def _create(work: Work, values: Values) -> Limit:
    _check_place(work, values)
    if bool(values.get("project_id")) == bool(values.get("domain_id")):
        raise BadRequest("Give either a project_id or a domain_id.")
    if values.get("project_id"):
        finding.project(work, values["project_id"])
    else:
        finding.domain(work, values["domain_id"])
    if store.REGISTERED_LIMITS.get(work.tx, **_key(values)) is None:
        raise Forbidden(f"Unable to create a limit that has no corresponding registered limit: {values}.")
    owner = {name: values.get(name) for name in ("project_id", "domain_id")}
    if store.LIMITS.get(work.tx, **_key(values), **owner):
        raise Conflict("Conflict occurred attempting to store limit - Duplicate entry.")
    return store.LIMITS.add(work.tx, Limit(id=new_hex_id(), **values))


def change(work: Work, limit_id: str, values: Values) -> Limit:
    return store.LIMITS.change(work.tx, changed(limit(work, limit_id), values))


def delete(work: Work, limit_id: str) -> None:
    limit(work, limit_id)
    store.LIMITS.remove(work.tx, id=limit_id)


def owner_domain(work: Work, known: Limit) -> str:
    """The domain a limit belongs to: for who may see it."""
    if known.domain_id:
        return known.domain_id
    return finding.project(work, known.project_id or "").domain_id
