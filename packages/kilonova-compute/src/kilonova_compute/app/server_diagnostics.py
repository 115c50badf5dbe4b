"""What a guest uses, asked of its host."""

from __future__ import annotations

from kilonova_driver.types.guests import Diagnostics
from kilonova_kit.errors import BadRequest, Conflict, NotImplementedHere
from kilonova_kit.http.identity import Identity

from kilonova_compute.app.compute import Compute
from kilonova_compute.app.servers import check_unlocked
from kilonova_compute.model.servers import Server, VmState

_ALIVE = frozenset({VmState.ACTIVE, VmState.PAUSED})


async def of(compute: Compute, identity: Identity, server: Server) -> Diagnostics:
    """Raises Conflict for a server that does not run, NotImplementedHere where its driver cannot tell."""
    check_unlocked(identity, server)
    if server.host_id is None or server.vm_state not in _ALIVE:
        state = server.vm_state.value
        raise Conflict(f"Cannot 'get_diagnostics' instance {server.id} while it is in vm_state {state}")
    try:
        return await compute.links.diagnostics(server.cell, server.host_id, server.id)
    except BadRequest as error:
        raise NotImplementedHere(error.message) from error
