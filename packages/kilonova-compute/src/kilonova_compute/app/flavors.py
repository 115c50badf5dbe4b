"""Flavors: presets of amounts, found by id."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.identity import Identity

from kilonova_compute.app.compute import Compute
from kilonova_compute.model.servers import FlavorSnapshot

_FIRST = {
    flavor.flavor_id: flavor
    for flavor in (
        FlavorSnapshot(flavor_id="1", name="m1.tiny", vcpus=1, ram=128, disk=1),
        FlavorSnapshot(flavor_id="2", name="m1.small", vcpus=1, ram=512, disk=5),
        FlavorSnapshot(flavor_id="3", name="m1.medium", vcpus=2, ram=1024, disk=10),
    )
}


async def find_flavor(compute: Compute, identity: Identity, flavor_ref: str) -> FlavorSnapshot:
    """The flavor of that id. Raises NotFound."""
    if flavor_ref not in _FIRST:
        raise BadRequest(f"Flavor {flavor_ref} could not be found.")
    return _FIRST[flavor_ref]
