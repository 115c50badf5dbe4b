"""The kinds that can be tagged, by the name that their collection has in URLs."""

from __future__ import annotations

from kilonova_neighbours.network.store.kinds import NETWORK, PORT, ROUTER, SECURITY_GROUP, SUBNET, SUBNETPOOL, Kind

TAGGED: dict[str, Kind] = {
    "networks": NETWORK,
    "subnets": SUBNET,
    "ports": PORT,
    "security-groups": SECURITY_GROUP,
    "subnetpools": SUBNETPOOL,
    "routers": ROUTER,
}
