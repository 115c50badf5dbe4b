"""A router's gateway: a port on an external network that belongs to no project (neutron/db/l3_db.py)."""

from __future__ import annotations

from collections.abc import Sequence

from kilonova_neighbours.network.app import router_ports
from kilonova_neighbours.network.app.addressing import choose_addresses
from kilonova_neighbours.network.app.work import Work, require
from kilonova_neighbours.network.model.records import ROUTER_GATEWAY, Record
from kilonova_neighbours.network.model.refusals import bad_router_request, disallowed, not_found
from kilonova_neighbours.network.store import networks, ports, records, routers
from kilonova_neighbours.network.store.kinds import NETWORK, RBAC_POLICY, SUBNET

_PRIVILEGED = ("enable_snat", "external_fixed_ips")


def check_policy(work: Work, verb: str, info: Record | None) -> None:
    """A member chooses the network; how it is used an admin chooses (neutron/conf/policies/router.py)."""
    for name in _PRIVILEGED:
        if info and name in info and not work.actor.is_admin:
            raise disallowed(verb, f"{verb}:external_gateway_info", f"{verb}:external_gateway_info:{name}")


def snat_of(info: Record | None) -> bool:
    return bool((info or {}).get("enable_snat", True))


def set_gateway(work: Work, router: Record, info: Record | None) -> None:
    """Give the router this gateway, or with nothing take away the one it has. Raises BadRequest, Conflict, NotFound."""
    present = routers.gateways_of(work.tx, [router["id"]]).get(router["id"])
    if not info:
        if present:
            ports.remove_port(work.tx, present["id"])
        return
    network_id, asked = info["network_id"], info.get("external_fixed_ips") or None
    subnets = _external_subnets(work, network_id)
    _check_not_the_worlds(subnets, asked or ())
    if present and present["network_id"] == network_id:
        if asked:
            chosen = choose_addresses(work, present, asked)
            ports.change_port(work.tx, present, {"fixed_ips": chosen}, work.now)
        return
    if present:
        ports.remove_port(work.tx, present["id"])
    router_ports.check_apart(work, router, subnets)
    router_ports.add_port(work, router, network_id, device_owner=ROUTER_GATEWAY, project_id="", asked=asked)


def _external_subnets(work: Work, network_id: str) -> list[Record]:
    network = require(work, NETWORK, network_id)
    if not networks.may_see(work.tx, network, work.actor):
        raise not_found("network", network_id)
    opened = records.find_by(work.tx, RBAC_POLICY, "object_id", [network_id])
    targets = [policy["target_tenant"] for policy in opened if policy["action"] == "access_as_external"]
    to_me = bool(targets) if work.actor.is_admin else work.actor.project_id in targets
    if not network["router:external"] and not to_me:
        raise bad_router_request(f"Network {network_id} is not an external network")
    return records.find_by(work.tx, SUBNET, "network_id", [network_id])


def _check_not_the_worlds(subnets: Sequence[Record], asked: Sequence[Record]) -> None:
    for subnet in subnets:
        if subnet["gateway_ip"] and any(wish.get("ip_address") == subnet["gateway_ip"] for wish in asked):
            raise bad_router_request(f"External IP {subnet['gateway_ip']} is the same as the gateway IP")


def shown(router: Record, port: Record | None) -> Record | None:
    """``external_gateway_info`` as clients see it."""
    if port is None:
        return None
    return {
        "network_id": port["network_id"],
        "enable_snat": router["enable_snat"],
        "external_fixed_ips": port["fixed_ips"],
    }
