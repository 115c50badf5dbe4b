"""Routers: their attributes, interfaces and extra routes (api-ref routers; ext-gw-mode, extraroute-atomic)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, member

from kilonova_neighbours.network.api.attributes import NAME, STANDARD, TAGS, Attribute, AttributeTable
from kilonova_neighbours.network.api.converters import address, boolean, cidr, fixed_ips, list_of, shaped, text, uuid
from kilonova_neighbours.network.api.resources import NetworkCall, Resource, actor_of, revision_asked
from kilonova_neighbours.network.app import router_interfaces, router_routes, routers
from kilonova_neighbours.network.app.work import Work
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.model.refusals import bad_request

_GATEWAY = shaped({"network_id": uuid}, {"enable_snat": boolean, "external_fixed_ips": fixed_ips})
_ROUTES = list_of(shaped({"destination": cidr, "nexthop": address}))


def _gateway(name: str, value: Any) -> Any:
    """Null and an empty object both mean that there is none."""
    return _GATEWAY(name, value) if value else None


ROUTERS = Resource(
    table=AttributeTable(
        "router",
        "routers",
        (
            *STANDARD,
            *TAGS,
            NAME,
            Attribute("admin_state_up", boolean, post=True, put=True, default=True),
            Attribute("status"),
            Attribute("external_gateway_info", _gateway, post=True, put=True, default=None),
            Attribute("routes", _ROUTES, put=True),
            Attribute("availability_zone_hints", list_of(text()), post=True, default=[]),
            Attribute("availability_zones"),
        ),
    ),
    create=routers.create,
    show=routers.show,
    list_page=routers.list_page,
    update=routers.update,
    delete=routers.delete,
    wires=False,
)


def _changes_interface(change: Callable[[Work, str, Any], Record]) -> Callable[[NetworkCall], Any]:
    async def handle(call: NetworkCall) -> Record:
        return await call.app.write(
            actor_of(call.identity),
            lambda work: change(work, call.path["id"], call.body),
            if_revision=revision_asked(call),
        )

    return handle


def _routes_given(body: Any) -> list[Record]:
    router = body.get("router")
    if not isinstance(router, dict) or set(router) != {"routes"}:
        raise bad_request("Unable to find 'router' with nothing but 'routes' in request body")
    found: list[Record] = _ROUTES("routes", router["routes"])
    return found


def _changes_routes(change: Callable[[Work, str, Sequence[Record]], None]) -> Callable[[NetworkCall], Any]:
    async def handle(call: NetworkCall) -> Record:
        actor, router_id, given = actor_of(call.identity), call.path["id"], _routes_given(call.body)

        def run(work: Work) -> Record:
            change(work, router_id, given)
            return routers.show(work, router_id)

        changed = await call.app.write(actor, run, if_revision=revision_asked(call))
        return {"router": ROUTERS.table.show(changed, actor)}

    return handle


def _line(name: str, verb: str, handler: Any) -> Operation:
    return Operation(
        name=name,
        method="PUT",
        path=f"/routers/{{id}}/{verb}",
        handler=handler,
        policy=Policy(name, member),
        takes=dict[str, Any],
    )


OPERATIONS = (
    _line("add_router_interface", "add_router_interface", _changes_interface(router_interfaces.add)),
    _line("remove_router_interface", "remove_router_interface", _changes_interface(router_interfaces.remove)),
    _line("add_extraroutes", "add_extraroutes", _changes_routes(router_routes.add)),
    _line("remove_extraroutes", "remove_extraroutes", _changes_routes(router_routes.remove)),
)
