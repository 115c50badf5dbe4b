"""Where a new subnet's range comes from: as given, or cut from a subnet pool."""

from __future__ import annotations

from ipaddress import ip_network

from kilonova_neighbours.network.app.work import Work, require_seen
from kilonova_neighbours.network.model.addresses import Network
from kilonova_neighbours.network.model.records import ListQuery, Record
from kilonova_neighbours.network.model.refusals import bad_request, conflict, invalid
from kilonova_neighbours.network.store import records
from kilonova_neighbours.network.store.kinds import SUBNET, SUBNETPOOL


def choose_prefix(work: Work, body: Record) -> Record:
    """The body with a ``cidr`` and without the words that only choose one. Raises BadRequest, NotFound, Conflict."""
    body = dict(body)
    wanted, use_default = body.pop("prefixlen", None), body.pop("use_default_subnetpool", False)
    pool_id = body.get("subnetpool_id")
    if use_default and pool_id:
        raise bad_request("subnetpool_id and use_default_subnetpool cannot both be specified")
    if use_default:
        pool_id = _default_pool(work, body.get("ip_version"))
    body["subnetpool_id"] = pool_id
    if pool_id:
        return _from_pool(work, body, pool_id, wanted)
    if body.get("cidr") is None:
        raise bad_request("a subnetpool must be specified in the absence of a cidr")
    if wanted is not None:
        raise bad_request("Prefixlen is only valid with a subnetpool")
    return body


def _default_pool(work: Work, version: int | None) -> str:
    asked = ListQuery(filters={"is_default": ["true"], "ip_version": [str(version or 4)]})
    found = records.list_records(work.tx, SUBNETPOOL, work.actor, asked)
    if not found:
        raise bad_request(f"No default subnetpool found for IPv{version or 4}")
    return str(found[0]["id"])


def _from_pool(work: Work, body: Record, pool_id: str, wanted: int | None) -> Record:
    pool = require_seen(work, SUBNETPOOL, pool_id)
    records.lock(work.tx, SUBNETPOOL, pool_id)
    if body.get("ip_version") not in (None, pool["ip_version"]):
        raise bad_request("Cannot allocate requested subnet with an IP version other than the subnet pool's")
    used = [ip_network(subnet["cidr"]) for subnet in records.find_by(work.tx, SUBNET, "subnetpool_id", [pool_id])]
    if body.get("cidr"):
        if wanted is not None:
            raise bad_request("prefixlen and cidr cannot both be specified")
        cidr = ip_network(body["cidr"])
        _check_length(pool, cidr.prefixlen)
        _check_inside(pool, cidr, used)
    else:
        length = wanted if wanted is not None else pool["default_prefixlen"]
        _check_length(pool, length)
        cidr = _first_free(pool, length, used)
    _check_pool_quota(work, pool, body["project_id"], cidr)
    return {**body, "cidr": str(cidr), "ip_version": pool["ip_version"]}


def _check_length(pool: Record, length: int) -> None:
    if length > pool["max_prefixlen"]:
        raise invalid(
            "MaxPrefixSubnetAllocationError",
            f"Unable to allocate subnet with prefix length {length}, "
            f"maximum allowed prefix is {pool['max_prefixlen']}.",
        )
    if length < pool["min_prefixlen"]:
        raise invalid(
            "MinPrefixSubnetAllocationError",
            f"Unable to allocate subnet with prefix length {length}, "
            f"minimum allowed prefix is {pool['min_prefixlen']}.",
        )


def _inside(cidr: Network, prefix: Network) -> bool:
    first, last = int(prefix.network_address), int(prefix.broadcast_address)
    return cidr.version == prefix.version and first <= int(cidr.network_address) and int(cidr.broadcast_address) <= last


def _check_inside(pool: Record, cidr: Network, used: list[Network]) -> None:
    inside = any(_inside(cidr, ip_network(prefix)) for prefix in pool["prefixes"])
    if not inside or any(cidr.overlaps(other) for other in used):
        raise conflict(
            "SubnetAllocationError",
            "Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes.",
        )


def _first_free(pool: Record, length: int, used: list[Network]) -> Network:
    """The lowest aligned range of this length that touches none in use: walk past each that is in the way."""
    bits = 32 if pool["ip_version"] == 4 else 128
    step = 1 << (bits - length)
    taken = sorted((int(other.network_address), int(other.broadcast_address)) for other in used)
    for prefix in map(ip_network, pool["prefixes"]):
        at, last = int(prefix.network_address), int(prefix.broadcast_address)
        for first, end in taken:
            if first < at + step and end >= at:
                at = (end // step + 1) * step
        if prefix.prefixlen <= length and at + step - 1 <= last:
            return ip_network((at, length))
    raise conflict(
        "SubnetAllocationError",
        f"Failed to allocate subnet: Insufficient prefix space to allocate subnet size /{length}.",
    )


def _check_pool_quota(work: Work, pool: Record, project_id: str, cidr: Network) -> None:
    """Counted in addresses for IPv4 and in /64s for IPv6, per project."""
    if pool["default_quota"] is None:
        return
    own = records.find_by(work.tx, SUBNET, "subnetpool_id", [pool["id"]])
    each = [cidr, *(ip_network(subnet["cidr"]) for subnet in own if subnet["project_id"] == project_id)]
    size = 1 if pool["ip_version"] == 4 else 1 << 64
    if sum(network.num_addresses for network in each) / size > pool["default_quota"]:
        raise conflict("SubnetPoolQuotaExceeded", "Per-tenant subnet pool prefix quota exceeded.")
