"""Regions, services and endpoints on the wire."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest

from kilonova_neighbours.identity.api import attributes
from kilonova_neighbours.identity.api.answers import Plain, listing, query, with_link
from kilonova_neighbours.identity.api.permits import IdentityCall
from kilonova_neighbours.identity.api.types.services import (
    CreateEndpoint,
    CreateRegion,
    CreateService,
    UpdateEndpoint,
    UpdateRegion,
    UpdateService,
)
from kilonova_neighbours.identity.app import services
from kilonova_neighbours.identity.app.changes import Values
from kilonova_neighbours.identity.model.catalog import Endpoint, Region, Service


def region_view(call: IdentityCall, region: Region) -> Plain:
    plain = {
        **region.extra,
        "id": region.id,
        "description": region.description,
        "parent_region_id": region.parent_region_id,
    }
    return with_link(call, plain, "regions")


async def create_region(call: IdentityCall) -> Plain:
    """POST makes an id where none is given; PUT has it in the URL, and the body may only repeat it."""
    known, extra = attributes.read(call.body.region, CreateRegion)
    values = attributes.given(known)
    in_url = call.path.get("region_id")
    if in_url and values.get("id", in_url) != in_url:
        raise BadRequest("The region ID in the body does not match the one in the URL.")
    if in_url:
        values["id"] = in_url
    return {"region": region_view(call, await call.app.write(services.create_region, values, extra))}


async def list_regions(call: IdentityCall) -> Plain:
    found = await call.app.read(services.regions, {})
    return listing(call, "regions", [region_view(call, region) for region in found], ("parent_region_id",))


async def show_region(call: IdentityCall) -> Plain:
    return {"region": region_view(call, await call.app.read(services.region, call.path["region_id"]))}


async def update_region(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.region, UpdateRegion)
    region = await call.app.write(services.change_region, call.path["region_id"], attributes.given(known), extra)
    return {"region": region_view(call, region)}


async def delete_region(call: IdentityCall) -> None:
    await call.app.write(services.delete_region, call.path["region_id"])


def service_view(call: IdentityCall, service: Service) -> Plain:
    """``name`` and ``description`` are shown where they were given, as in Keystone."""
    plain: Plain = {**service.extra, "id": service.id, "type": service.type, "enabled": service.enabled}
    for name in ("name", "description"):
        if (value := getattr(service, name)) is not None:
            plain[name] = value
    return with_link(call, plain, "services")


async def create_service(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.service, CreateService)
    service = await call.app.write(services.create_service, attributes.given(known), extra)
    return {"service": service_view(call, service)}


async def list_services(call: IdentityCall) -> Plain:
    found = await call.app.read(services.services, {})
    return listing(call, "services", [service_view(call, service) for service in found], ("type", "name"))


async def show_service(call: IdentityCall) -> Plain:
    return {"service": service_view(call, await call.app.read(services.service, call.path["service_id"]))}


async def update_service(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.service, UpdateService)
    service = await call.app.write(services.change_service, call.path["service_id"], attributes.given(known), extra)
    return {"service": service_view(call, service)}


async def delete_service(call: IdentityCall) -> None:
    await call.app.write(services.delete_service, call.path["service_id"])


def endpoint_view(call: IdentityCall, endpoint: Endpoint) -> Plain:
    plain = {
        **endpoint.extra,
        "id": endpoint.id,
        "service_id": endpoint.service_id,
        "interface": endpoint.interface,
        "url": endpoint.url,
        "region": endpoint.region_id,
        "region_id": endpoint.region_id,
        "enabled": endpoint.enabled,
    }
    return with_link(call, plain, "endpoints")


def _endpoint_values(plain: Values) -> Values:
    """``region`` is the old name of ``region_id``."""
    values = dict(plain)
    old = values.pop("region", None)
    if old and not values.get("region_id"):
        values["region_id"] = old
    return values


async def create_endpoint(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.endpoint, CreateEndpoint)
    values = _endpoint_values(attributes.given(known))
    await _make_region(call, values)
    return {"endpoint": endpoint_view(call, await call.app.write(services.create_endpoint, values, extra))}


async def _make_region(call: IdentityCall, values: Values) -> None:
    """A region that is given by its old name is made when it is missing, as in Keystone."""
    region_id = values.get("region_id") if "region" in call.body.endpoint else None
    if region_id and not await call.app.read(services.regions, {"id": region_id}):
        await call.app.write(services.create_region, {"id": region_id}, {})


async def list_endpoints(call: IdentityCall) -> Plain:
    asked = query(call)
    equals = {name: asked[name] for name in ("service_id", "interface") if asked.get(name)}
    if region := asked.get("region_id") or asked.get("region"):
        equals["region_id"] = region
    found = await call.app.read(services.endpoints, equals)
    return listing(call, "endpoints", [endpoint_view(call, endpoint) for endpoint in found], ("enabled",))


async def show_endpoint(call: IdentityCall) -> Plain:
    return {"endpoint": endpoint_view(call, await call.app.read(services.endpoint, call.path["endpoint_id"]))}


async def update_endpoint(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.endpoint, UpdateEndpoint)
    values = _endpoint_values(attributes.given(known))
    await _make_region(call, values)
    endpoint = await call.app.write(services.change_endpoint, call.path["endpoint_id"], values, extra)
    return {"endpoint": endpoint_view(call, endpoint)}


async def delete_endpoint(call: IdentityCall) -> None:
    await call.app.write(services.delete_endpoint, call.path["endpoint_id"])
