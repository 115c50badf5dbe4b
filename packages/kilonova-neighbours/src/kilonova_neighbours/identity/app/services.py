"""Regions, services and endpoints: what the catalog is made of."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest, Conflict
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app.changes import Values, changed
from kilonova_neighbours.identity.app.finding import must
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.catalog import Endpoint, Region, Service


def region(work: Work, region_id: str) -> Region:
    return must(store.REGIONS.get(work.tx, id=region_id), "region", region_id)


def regions(work: Work, equals: Values) -> list[Region]:
    return store.REGIONS.find(work.tx, **equals)


def create_region(work: Work, values: Values, extra: Values) -> Region:
    values = {**values, "description": values.get("description") or "", "id": values.get("id") or new_hex_id()}
    if store.REGIONS.get(work.tx, id=values["id"]):
        raise Conflict(
            f"Conflict occurred attempting to store region - Duplicate entry found with region ID {values['id']}."
        )
    if values.get("parent_region_id"):
        region(work, values["parent_region_id"])
    return store.REGIONS.add(work.tx, Region(extra=extra, **values))


def change_region(work: Work, region_id: str, values: Values, extra: Values) -> Region:
    """Raises BadRequest where a region would become its own ancestor."""
    known, ancestor = region(work, region_id), values.get("parent_region_id")
    while ancestor:
        if ancestor == region_id:
            raise BadRequest("A region cannot be below itself.")
        ancestor = region(work, ancestor).parent_region_id
    if "description" in values:
        values["description"] = values["description"] or ""
    return store.REGIONS.change(work.tx, changed(known, values, extra))


def delete_region(work: Work, region_id: str) -> None:
    """The regions below go too, unless an endpoint stands in one of them."""
    region(work, region_id)
    for child in store.REGIONS.find(work.tx, parent_region_id=region_id):
        delete_region(work, child.id)
    if store.ENDPOINTS.get(work.tx, region_id=region_id):
        raise Conflict(
            f"Unable to delete region {region_id} because it or its child regions have associated endpoints."
        )
    store.REGIONS.remove(work.tx, id=region_id)


def service(work: Work, service_id: str) -> Service:
    return must(store.SERVICES.get(work.tx, id=service_id), "service", service_id)


def services(work: Work, equals: Values) -> list[Service]:
    return store.SERVICES.find(work.tx, **equals)


def create_service(work: Work, values: Values, extra: Values) -> Service:
    return store.SERVICES.add(work.tx, Service(id=new_hex_id(), extra=extra, **values))


def change_service(work: Work, service_id: str, values: Values, extra: Values) -> Service:
    return store.SERVICES.change(work.tx, changed(service(work, service_id), values, extra))


def delete_service(work: Work, service_id: str) -> None:
    service(work, service_id)
    for known in store.ENDPOINTS.find(work.tx, service_id=service_id):
        delete_endpoint(work, known.id)
    store.SERVICES.remove(work.tx, id=service_id)


def endpoint(work: Work, endpoint_id: str) -> Endpoint:
    return must(store.ENDPOINTS.get(work.tx, id=endpoint_id), "endpoint", endpoint_id)


def endpoints(work: Work, equals: Values) -> list[Endpoint]:
    return store.ENDPOINTS.find(work.tx, **equals)


def create_endpoint(work: Work, values: Values, extra: Values) -> Endpoint:
    check_place(work, values)
    return store.ENDPOINTS.add(work.tx, Endpoint(id=new_hex_id(), extra=extra, **values))


def change_endpoint(work: Work, endpoint_id: str, values: Values, extra: Values) -> Endpoint:
    known = endpoint(work, endpoint_id)
    check_place(work, values)
    return store.ENDPOINTS.change(work.tx, changed(known, values, extra))


def check_place(work: Work, values: Values) -> None:
    """A service and a region that do not exist are the body's fault: 400, as in Keystone."""
    service_id, region_id = values.get("service_id"), values.get("region_id")
    if service_id is not None and store.SERVICES.get(work.tx, id=service_id) is None:
        raise BadRequest(f"Could not find service: {service_id}.")
    if region_id is not None and store.REGIONS.get(work.tx, id=region_id) is None:
        raise BadRequest(f"Could not find region: {region_id}.")


def delete_endpoint(work: Work, endpoint_id: str) -> None:
    endpoint(work, endpoint_id)
    store.PROJECT_ENDPOINTS.remove(work.tx, endpoint_id=endpoint_id)
    store.ENDPOINTS.remove(work.tx, id=endpoint_id)
