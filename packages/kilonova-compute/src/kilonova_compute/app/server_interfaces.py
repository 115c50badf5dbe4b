"""The ports of a server, as the network service has them."""

from __future__ import annotations

from kilonova_compute.app.compute import Compute
from kilonova_compute.external.network import Port
from kilonova_compute.model.servers import Server


def tag_of(port: Port, server: Server) -> str | None:
    """The tag that the network (or port) was asked for with; None for none."""
    wanted = next((one for number, one in enumerate(server.networks) if port.answers(one, number)), None)
    return (wanted.tag or None) if wanted else None


async def listed(compute: Compute, server: Server) -> list[Port]:
    """In the order of the server's addresses."""
    order = {address.port_id: place for place, address in reversed(list(enumerate(server.addresses)))}
    return sorted(await compute.network.ports_of(server), key=lambda port: order.get(port.id, len(order)))
