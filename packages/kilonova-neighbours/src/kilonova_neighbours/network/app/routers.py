"""Routers: which networks of a project are joined, and by which external network they reach the world.

What is kept here is what was asked for. A host is the gateway of every network with or without a router
(docs/decisions/0007-routers-without-a-data-plane-between-networks.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from kilonova_neighbours.network.app import quotas, router_gateways, router_routes, security_groups
from kilonova_neighbours.network.app.work import Work, require_own, require_seen, standard
from kilonova_neighbours.network.model.records import ListQuery, Record
from kilonova_neighbours.network.model.refusals import conflict
from kilonova_neighbours.network.store import records, routers
from kilonova_neighbours.network.store.kinds import ROUTER


def create(work: Work, body: Record) -> Record:
    gateway = body.pop("external_gateway_info", None)
    router_gateways.check_policy(work, "create_router", gateway)
    security_groups.ensure_default(work, body["project_id"])
    quotas.take(work, "router", body["project_id"])
    new = {"status": "ACTIVE", "enable_snat": router_gateways.snat_of(gateway), "routes": [], **body}
    router = standard(work, new)
    records.add(work.tx, ROUTER, router)
    router_gateways.set_gateway(work, router, gateway)
    return show(work, router["id"])


def show(work: Work, router_id: str) -> Record:
    return _complete(work, [require_seen(work, ROUTER, router_id)])[0]


def list_page(work: Work, asked: ListQuery) -> list[Record]:
    return _complete(work, records.list_records(work.tx, ROUTER, work.actor, asked))


def _complete(work: Work, found: Sequence[Record]) -> list[Record]:
    """With their gateways."""
    gateways = routers.gateways_of(work.tx, [router["id"] for router in found])
    return [
        {
            **router,
            "external_gateway_info": router_gateways.shown(router, gateways.get(router["id"])),
            "availability_zones": [work.settings.availability_zone],
        }
        for router in found
    ]


def update(work: Work, router_id: str, changes: Record) -> Record:
    router = require_own(work, ROUTER, router_id, "update")
    if "external_gateway_info" in changes:
        gateway = changes.pop("external_gateway_info")
        router_gateways.check_policy(work, "update_router", gateway)
        router_gateways.set_gateway(work, router, gateway)
        changes["enable_snat"] = router_gateways.snat_of(gateway)
    if "routes" in changes:
        router_routes.check(work, router, changes["routes"])
    records.change(work.tx, ROUTER, router_id, changes, work.now)
    return show(work, router_id)


def delete(work: Work, router_id: str) -> None:
    router = require_own(work, ROUTER, router_id, "delete")
    if routers.interfaces_of(work.tx, router_id):
        raise conflict("RouterInUse", f"Router {router_id} still has ports")
    router_gateways.set_gateway(work, router, None)
    records.remove(work.tx, ROUTER, router_id)
