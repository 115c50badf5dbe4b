"""A request as it is written down: what was asked for, whether or not a flavor was part of it.

It persists beside the server; resize, migrate and evacuate start from it. ``flavor`` is a preset that was expanded.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from kilonova_compute.model.layouts import RequestedLayout
from kilonova_compute.model.requested_devices import RequestedBundle, RequestedDevices


class RequestedGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The server group that the server is a member of, as it was when it was asked for."""

    group_id: str
    policy: str
    max_per_host: int = 0


class RequestedLabel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What aggregates must say of the host: one of its values of ``key`` passes ``test`` against one of ``values``.

    ``test`` is a word of placement's; ``or_absent``: hosts of which nothing is said pass too.
    """

    key: str
    values: tuple[str, ...]
    test: str = "is"
    as_numbers: bool = False
    or_absent: bool = False


#: 1: amounts, traits, place, group. 2: layout, devices, bundles; amounts of cells are no longer among the resources.
REQUEST_VERSION = 2


class ServerRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one server asks of placement. Memory in MiB, disk in GiB; hosts and zones by name.

    ``hosts``: one of these, where it is not None. ``network``: the host's address is in it. ``carries``: marks by which
    hosts that are only for some may be taken. ``resources`` are divisible; the cores and the memory of the ``layout``'s
    cells are not among them. ``bundles_apart``: each bundle from a provider of its own. ``machine``: the class of a
    whole machine, of which the resources are the least. ``cores``, ``ram``: what quotas count, which is what the flavor
    is called for, whatever its extra specs claim instead.
    """

    server_id: str
    project_id: str
    user_id: str
    resources: dict[str, int]
    layout: RequestedLayout | None = None
    machine: str = ""
    devices: tuple[RequestedDevices, ...] = ()
    bundles: tuple[RequestedBundle, ...] = ()
    bundles_apart: bool = False
    flavor: str = ""
    cores: int = 0
    ram: int = 0
    required_traits: tuple[str, ...] = ()
    forbidden_traits: tuple[str, ...] = ()
    preferred_traits: tuple[str, ...] = ()
    zone: str = ""
    host: str = ""
    cell: str = ""
    image_id: str = ""
    image_traits: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    hosts: tuple[str, ...] | None = None
    network: str = ""
    labels: tuple[RequestedLabel, ...] = ()
    carries: tuple[str, ...] = ()
    group: RequestedGroup | None = None
    priority: int = 0
    request_id: str = ""  # of the API call that asked for the server
    version: int = REQUEST_VERSION

    def amounts(self) -> dict[str, int]:
        """Everything that is claimed, by resource class, wherever on the host it comes from."""
        found = Counter(self.resources)
        found.update({self.machine: 1} if self.machine else {})
        for devices in self.devices:
            found[devices.resource_class] += devices.count
        for bundle in self.bundles:
            found.update(bundle.resources)
        if (layout := self.layout) is not None:
            for number, cell in enumerate(layout.cells):
                cores = {"PCPU": layout.dedicated_of(number), "VCPU": len(cell.cpus) - len(cell.dedicated)}
                found.update({**cores, "MEMORY_MB": cell.memory_mb})
        return {name: amount for name, amount in found.items() if amount}


class ClaimedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a claim is."""

    claim_id: str
    host_id: str
    host: str
    cell: str


class ClaimedPart(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim holds of one provider: the host itself (``provider_id`` is the host's), or a part of it."""

    provider_id: str
    amounts: dict[str, int]
