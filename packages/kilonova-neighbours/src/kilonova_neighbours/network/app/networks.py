"""Networks: who sees them, what keeps them from being deleted; provider attributes are only remembered."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kilonova_kit.ids import new_uuid

from kilonova_neighbours.network.app import quotas, security_groups
from kilonova_neighbours.network.app.work import Work, check_privileged, require_own, require_seen, standard
from kilonova_neighbours.network.model.addresses import spans_of
from kilonova_neighbours.network.model.records import ListQuery, Record
from kilonova_neighbours.network.model.refusals import conflict, invalid_input, network_in_use
from kilonova_neighbours.network.store import allocations, networks, ports, records, routers
from kilonova_neighbours.network.store.kinds import NETWORK, RBAC_POLICY, SUBNET

#: Ports that go with their network.
_OWN_PORTS = ("network:dhcp", "network:distributed")
_PRIVILEGED = (
    "shared",
    "router:external",
    "provider:network_type",
    "provider:physical_network",
    "provider:segmentation_id",
)
_MOST_VNI = (1 << 24) - 1


def create(work: Work, body: Record) -> Record:
    given = {name for name in _PRIVILEGED if body.get(name)}
    check_privileged(work, "create_network", given, _PRIVILEGED)
    security_groups.ensure_default(work, body["project_id"])
    quotas.take(work, "network", body["project_id"])
    network = standard(work, {"status": "ACTIVE", **body})
    network["mtu"] = network["mtu"] or work.settings.mtu
    network.update(_segment(work, body))
    records.add(work.tx, NETWORK, network)
    if network["shared"]:
        _share_with_all(work, network)
    return show(work, network["id"])


def _segment(work: Work, body: Record) -> Record:
    """What carries the network: as given, else a VXLAN number that nobody has."""
    kind, physical = body.get("provider:network_type"), body.get("provider:physical_network")
    number = body.get("provider:segmentation_id")
    if kind is None:
        if physical is not None or number is not None:
            raise invalid_input("provider:network_type required")
        kind = "vxlan"
    _check_segment(kind, physical, number)
    if number is None and kind in ("vxlan", "gre", "geneve"):
        number = _free_number(work, kind)
    elif number is not None and networks.segment_is_taken(work.tx, kind, physical, number):
        raise conflict(
            "VlanIdInUse" if kind == "vlan" else "TunnelIdInUse",
            f"Unable to create the network. The {kind} segment {number} on physical network {physical} is in use.",
        )
    return {
        "provider:network_type": kind,
        "provider:physical_network": physical,
        "provider:segmentation_id": number,
    }


def _check_segment(kind: str, physical: str | None, number: int | None) -> None:
    if kind in ("flat", "vlan") and physical is None:
        raise invalid_input(f"physical_network required for {kind} provider network")
    if kind in ("flat", "local") and number is not None:
        raise invalid_input(f"segmentation_id specified for {kind} provider network")
    if kind in ("local", "vxlan", "gre", "geneve") and physical is not None:
        raise invalid_input(f"provider:physical_network specified for {kind} network")
    if kind == "vlan" and number is not None and not 1 <= number <= 4094:
        raise invalid_input("segmentation_id out of range (1 through 4094)")


def _free_number(work: Work, kind: str) -> int:
    while True:
        number = random.randint(1, _MOST_VNI)  # noqa: S311 - spreads, hides nothing
        if not networks.segment_is_taken(work.tx, kind, None, number):
            return number


def _share_with_all(work: Work, network: Record) -> None:
    body = {
        "object_type": "network",
        "object_id": network["id"],
        "action": "access_as_shared",
        "target_tenant": "*",
        "project_id": network["project_id"],
    }
    records.add(work.tx, RBAC_POLICY, standard(work, {"id": new_uuid(), **body}))


def show(work: Work, network_id: str) -> Record:
    return _complete(work, [require_seen(work, NETWORK, network_id)])[0]


def list_page(work: Work, asked: ListQuery) -> list[Record]:
    return _complete(work, records.list_records(work.tx, NETWORK, work.actor, asked))


def _complete(work: Work, found: Sequence[Record]) -> list[Record]:
    """With their subnets, and shared as this actor sees it."""
    ids = [network["id"] for network in found]
    if not ids:
        return []
    subnets = networks.subnets_of(work.tx, ids)
    shared = networks.shared_with(work.tx, ids, work.actor.project_id)
    zone = [work.settings.availability_zone]
    return [
        {
            **network,
            "subnets": subnets[network["id"]],
            "shared": network["shared"] or network["id"] in shared,
            "availability_zones": zone if subnets[network["id"]] else [],
            "ipv4_address_scope": None,
            "ipv6_address_scope": None,
        }
        for network in found
    ]


def update(work: Work, network_id: str, changes: Record) -> Record:
    network = require_own(work, NETWORK, network_id, "update")
    check_privileged(work, "update_network", changes, _PRIVILEGED)
    if "shared" in changes and changes["shared"] != network["shared"]:
        _change_sharing(work, network, changes["shared"])
    if changes.get("router:external") is False and routers.has_gateways(work.tx, network_id):
        raise conflict(
            "ExternalNetworkInUse",
            f"External network {network_id} cannot be updated to be made non-external, since it has existing gateway "
            "ports.",
        )
    if changes.get("mtu") == 0:
        changes = {**changes, "mtu": work.settings.mtu}
    records.change(work.tx, NETWORK, network_id, changes, work.now)
    return show(work, network_id)


def _change_sharing(work: Work, network: Record, shared: bool) -> None:
    if shared:
        _share_with_all(work, network)
        return
    if ports.project_uses_network(work.tx, network["id"], network["project_id"], None):
        raise conflict(
            "InvalidSharedSetting",
            f"Unable to reconfigure sharing settings for network {network['id']}. Multiple tenants are using it.",
        )
    for policy in records.find_by(work.tx, RBAC_POLICY, "object_id", [network["id"]]):
        if policy["target_tenant"] == "*" and policy["action"] == "access_as_shared":
            records.remove(work.tx, RBAC_POLICY, policy["id"])


def delete(work: Work, network_id: str) -> None:
    require_own(work, NETWORK, network_id, "delete")
    records.lock(work.tx, NETWORK, network_id)
    if used := ports.ports_of_network(work.tx, network_id, besides=_OWN_PORTS, most=10):
        raise network_in_use(network_id, used)
    for port_id in ports.ports_of_network(work.tx, network_id, besides=(), most=1000):
        ports.remove_port(work.tx, port_id)
    for subnet in records.find_by(work.tx, SUBNET, "network_id", [network_id]):
        records.remove(work.tx, SUBNET, subnet["id"])
    for policy in records.find_by(work.tx, RBAC_POLICY, "object_id", [network_id]):
        records.remove(work.tx, RBAC_POLICY, policy["id"])
    records.remove(work.tx, NETWORK, network_id)


def list_availability(work: Work, filters: dict[str, list[str]]) -> list[Record]:
    """``ip_version`` is about the subnets that count, everything else about networks."""
    of_networks = {name: values for name, values in filters.items() if name != "ip_version"}
    found = records.list_records(work.tx, NETWORK, work.actor, ListQuery(filters=of_networks))
    return [_availability(work, network, filters.get("ip_version", ())) for network in found]


def show_availability(work: Work, network_id: str) -> Record:
    return _availability(work, require_seen(work, NETWORK, network_id))


def _availability(work: Work, found: Record, versions: Sequence[str] = ()) -> Record:
    """How many of a network's addresses are in use (network-ip-availability), of these IP versions or all."""
    subnets = records.find_by(work.tx, SUBNET, "network_id", [found["id"]])
    subnets = [subnet for subnet in subnets if not versions or str(subnet["ip_version"]) in versions]
    used = allocations.numbers_in_use(work.tx, [subnet["id"] for subnet in subnets])
    each = [_subnet_availability(subnet, used.get(subnet["id"], 0)) for subnet in subnets]
    return {
        "network_id": found["id"],
        "network_name": found["name"],
        "project_id": found["project_id"],
        "tenant_id": found["project_id"],
        "total_ips": sum(subnet["total_ips"] for subnet in each),
        "used_ips": sum(subnet["used_ips"] for subnet in each),
        "subnet_ip_availability": each,
    }


def _subnet_availability(subnet: Record, used: int) -> Record:
    return {
        "subnet_id": subnet["id"],
        "subnet_name": subnet["name"],
        "ip_version": subnet["ip_version"],
        "cidr": subnet["cidr"],
        "total_ips": sum(span.size for span in spans_of(subnet["allocation_pools"])),
        "used_ips": used,
    }
