"""Extra routes of a router (extensions extraroute, extraroute-atomic; neutron/db/extraroute_db.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

from kilonova_neighbours.network.app import router_ports
from kilonova_neighbours.network.app.work import Work, require_own
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.model.refusals import conflict, invalid
from kilonova_neighbours.network.store import records, routers
from kilonova_neighbours.network.store.kinds import ROUTER


def add(work: Work, router_id: str, wanted: Sequence[Record]) -> None:
    """Routes that are there already are no error."""
    _change(work, router_id, lambda present: [*present, *(route for route in wanted if route not in present)])


def remove(work: Work, router_id: str, unwanted: Sequence[Record]) -> None:
    """Routes that are not there are no error."""
    _change(work, router_id, lambda present: [route for route in present if route not in unwanted])


def _change(work: Work, router_id: str, how: Callable[[Sequence[Record]], list[Record]]) -> None:
    router = require_own(work, ROUTER, router_id, "update")
    routes = how(router["routes"])
    check(work, router, routes)
    records.change(work.tx, ROUTER, router_id, {"routes": routes}, work.now)


def check(work: Work, router: Record, routes: Sequence[Record]) -> None:
    """Every next hop is on a subnet of the router, and not the router itself. Raises BadRequest."""
    if len(routes) > work.settings.most_routes:
        raise invalid(
            "RoutesExhausted",
            f"Unable to add route(s) to {router['id']}. The number of routes exceeds the maximum "
            f"{work.settings.most_routes}.",
        )
    gateway = routers.gateways_of(work.tx, [router["id"]]).values()
    own_ports = [*routers.interfaces_of(work.tx, router["id"]), *gateway]
    ranges = [ip_network(subnet["cidr"]) for subnet in router_ports.subnets_of(work, own_ports)]
    own = {fixed["ip_address"] for port in own_ports for fixed in port["fixed_ips"]}
    for route in routes:
        if not any(ip_address(route["nexthop"]) in cidr for cidr in ranges):
            raise _invalid_routes(routes, "the nexthop is not connected with router")
        if route["nexthop"] in own:
            raise _invalid_routes(routes, "the nexthop is used by router")


def _invalid_routes(routes: Sequence[Record], reason: str) -> Exception:
    return invalid("InvalidRoutes", f"Invalid format for routes: {routes}, {reason}.")


def check_not_needed(router: Record, subnet: Record) -> None:
    """Refuse to part from a subnet in which a route has its next hop."""
    cidr = ip_network(subnet["cidr"])
    if any(ip_address(route["nexthop"]) in cidr for route in router["routes"]):
        raise conflict(
            "RouterInterfaceInUseByRoute",
            f"Router interface for subnet {subnet['id']} on router {router['id']} cannot be deleted, as it is required "
            "by one or more routes.",
        )
