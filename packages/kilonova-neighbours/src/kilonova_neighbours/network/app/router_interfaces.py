"""A router's interfaces: the ports by which it is the gateway of subnets (neutron/db/l3_db.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kilonova_kit.errors import NotFound
from kilonova_kit.ids import is_uuid_like

from kilonova_neighbours.network.app import router_ports, router_routes
from kilonova_neighbours.network.app.addressing import choose_addresses
from kilonova_neighbours.network.app.ports import binding
from kilonova_neighbours.network.app.work import Work, require, require_own, require_seen
from kilonova_neighbours.network.model.records import ROUTER_INTERFACE, Record
from kilonova_neighbours.network.model.refusals import bad_router_request, conflict, disallowed, invalid
from kilonova_neighbours.network.store import ports, records, routers
from kilonova_neighbours.network.store.kinds import PORT, RBAC_POLICY, ROUTER, SUBNET


def add(work: Work, router_id: str, info: Any) -> Record:
    """Join a subnet, by its id or by that of a port on it. Raises BadRequest, Conflict, NotFound."""
    router = require_own(work, ROUTER, router_id, "add_router_interface")
    port_id, subnet_id = _wanted(info)
    if port_id and subnet_id:
        raise bad_router_request("Cannot specify both subnet-id and port-id")
    if port_id:
        port, subnets = _add_port(work, router, port_id)
    else:
        port, subnets = _add_subnet(work, router, str(subnet_id))
    records.change(work.tx, ROUTER, router_id, {}, work.now)
    return _answer(router_id, port, subnets)


def _wanted(info: Any) -> tuple[str | None, str | None]:
    given = info if isinstance(info, dict) else {}
    if not given.keys() & {"port_id", "subnet_id"}:
        raise bad_router_request("Either subnet_id or port_id must be specified")
    for name in ("port_id", "subnet_id"):
        if name in given and not (isinstance(given[name], str) and is_uuid_like(given[name])):
            raise bad_router_request(f"'{given[name]}' is not a valid UUID")
    return given.get("port_id"), given.get("subnet_id")


def _answer(router_id: str, port: Record, subnets: Sequence[Record]) -> Record:
    ids = [subnet["id"] for subnet in subnets]
    return {
        "id": router_id,
        "tenant_id": port["project_id"],
        "project_id": port["project_id"],
        "port_id": port["id"],
        "network_id": port["network_id"],
        "subnet_id": ids[-1],
        "subnet_ids": ids,
    }


def _add_port(work: Work, router: Record, port_id: str) -> tuple[Record, list[Record]]:
    records.lock(work.tx, PORT, port_id)
    port = require_seen(work, PORT, port_id)
    if not (work.actor.is_admin or work.actor.owns(port)):
        raise disallowed("update_port")
    if port["device_id"]:
        raise conflict(
            "PortInUse",
            f"Unable to complete operation on port {port_id} for network {port['network_id']}. Port already has an "
            f"attached device {port['device_id']}.",
        )
    if not port["fixed_ips"]:
        raise bad_router_request("Router port must have at least one fixed IP")
    subnets = router_ports.subnets_of(work, [port])
    _check_one_ipv6_port(work, router, port, subnets)
    router_ports.check_apart(work, router, subnets)
    if sum(fixed_subnet["ip_version"] == 4 for fixed_subnet in subnets) > 1:
        raise bad_router_request("Cannot have multiple IPv4 subnets on router port")
    changes = {"device_id": router["id"], "device_owner": ROUTER_INTERFACE}
    ports.change_port(work.tx, port, changes | binding({**port, **changes}), work.now)
    routers.attach(work.tx, router["id"], port_id, ROUTER_INTERFACE)
    return port, subnets


def _check_one_ipv6_port(work: Work, router: Record, port: Record, subnets: Sequence[Record]) -> None:
    present = _ipv6_port_on(work, router, port["network_id"])
    if present and any(subnet["ip_version"] == 6 for subnet in subnets):
        raise bad_router_request(
            f"Router already contains IPv6 port {present['id']} belonging to network id {port['network_id']}. Only one "
            "IPv6 port from the same network subnet can be connected to a router"
        )


def _ipv6_port_on(work: Work, router: Record, network_id: str) -> Record | None:
    for port in routers.interfaces_of(work.tx, router["id"]):
        has_ipv6 = any(":" in fixed["ip_address"] for fixed in port["fixed_ips"])
        if port["network_id"] == network_id and has_ipv6:
            return port
    return None


def _add_subnet(work: Work, router: Record, subnet_id: str) -> tuple[Record, list[Record]]:
    subnet = require_seen(work, SUBNET, subnet_id)
    if not subnet["gateway_ip"]:
        raise bad_router_request("Subnet for router interface must have a gateway IP")
    _check_owner(work, subnet)
    if subnet["ip_version"] == 6 and subnet["ipv6_ra_mode"] is None and subnet["ipv6_address_mode"] is not None:
        raise bad_router_request(
            f"IPv6 subnet {subnet_id} configured to receive RAs from an external router cannot be added to Neutron "
            "Router"
        )
    router_ports.check_apart(work, router, [subnet])
    wish = {"subnet_id": subnet_id, "ip_address": subnet["gateway_ip"]}
    if subnet["ip_version"] == 6 and (present := _ipv6_port_on(work, router, subnet["network_id"])):
        chosen = choose_addresses(work, present, [*present["fixed_ips"], wish])
        ports.change_port(work.tx, present, {"fixed_ips": chosen}, work.now)
        return present, [subnet]
    port = router_ports.add_port(
        work,
        router,
        subnet["network_id"],
        device_owner=ROUTER_INTERFACE,
        project_id=router["project_id"],
        asked=[wish],
    )
    return port, [subnet]


def _check_owner(work: Work, subnet: Record) -> None:
    """Who may be a subnet's gateway: its owner, or a project that its network was opened to by name; not everybody."""
    if work.actor.is_admin or work.actor.owns(subnet):
        return
    opened = records.find_by(work.tx, RBAC_POLICY, "object_id", [subnet["network_id"]])
    if not any((p["action"], p["target_tenant"]) == ("access_as_shared", work.actor.project_id) for p in opened):
        raise bad_router_request(
            f"Cannot add interface to router because subnet {subnet['id']} is not owned by project making the request"
        )


def remove(work: Work, router_id: str, info: Any) -> Record:
    """Leave a subnet; the port goes, whoever made it. Raises BadRequest, Conflict, NotFound."""
    router = require_own(work, ROUTER, router_id, "remove_router_interface")
    port_id, subnet_id = _wanted(info)
    if port_id:
        port, subnets = _remove_port(work, router, port_id, subnet_id)
    else:
        port, subnets = _remove_subnet(work, router, str(subnet_id))
    records.change(work.tx, ROUTER, router_id, {}, work.now)
    return _answer(router_id, port, subnets)


def _remove_port(work: Work, router: Record, port_id: str, subnet_id: str | None) -> tuple[Record, list[Record]]:
    port = next((port for port in routers.interfaces_of(work.tx, router["id"]) if port["id"] == port_id), None)
    if port is None:
        raise _no_interface(router, port_id)
    subnets = router_ports.subnets_of(work, [port])
    if subnet_id and subnet_id not in [subnet["id"] for subnet in subnets]:
        raise invalid(
            "SubnetMismatchForPort", f"Subnet on port {port_id} does not match the requested subnet {subnet_id}."
        )
    for subnet in subnets:
        router_routes.check_not_needed(router, subnet)
    ports.remove_port(work.tx, port_id)
    return port, subnets


def _remove_subnet(work: Work, router: Record, subnet_id: str) -> tuple[Record, list[Record]]:
    interfaces = routers.interfaces_of(work.tx, router["id"])
    port = next((p for p in interfaces if any(f["subnet_id"] == subnet_id for f in p["fixed_ips"])), None)
    if port is None:
        require_seen(work, SUBNET, subnet_id)
        raise _no_subnet(router, subnet_id)
    subnet = require(work, SUBNET, subnet_id)
    router_routes.check_not_needed(router, subnet)
    kept = [fixed for fixed in port["fixed_ips"] if fixed["subnet_id"] != subnet_id]
    if kept:
        ports.change_port(work.tx, port, {"fixed_ips": kept}, work.now)
    else:
        ports.remove_port(work.tx, port["id"])
    return port, [subnet]


def _no_interface(router: Record, port_id: str) -> Exception:
    words = f"Router {router['id']} does not have an interface with id {port_id}"
    return NotFound(words, kind="RouterInterfaceNotFound")


def _no_subnet(router: Record, subnet_id: str) -> Exception:
    words = f"Router {router['id']} has no interface on subnet {subnet_id}"
    return NotFound(words, kind="RouterInterfaceNotFoundForSubnet")
