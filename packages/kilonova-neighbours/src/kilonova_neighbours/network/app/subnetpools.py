"""Subnet pools: prefixes that subnets are cut from (``app/prefixes.py`` does the cutting)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import collapse_addresses, ip_network
from typing import Any

from kilonova_neighbours.network.app import quotas, security_groups
from kilonova_neighbours.network.app.work import Work, check_privileged, require_own, require_seen, standard
from kilonova_neighbours.network.model.records import ListQuery, Record
from kilonova_neighbours.network.model.refusals import conflict, invalid
from kilonova_neighbours.network.store import records
from kilonova_neighbours.network.store.kinds import ADDRESS_SCOPE, SUBNET, SUBNETPOOL

_PRIVILEGED = ("shared", "is_default")


def create(work: Work, body: Record) -> Record:
    check_privileged(work, "create_subnetpool", {name for name in _PRIVILEGED if body.get(name)}, _PRIVILEGED)
    security_groups.ensure_default(work, body["project_id"])
    quotas.take(work, "subnetpool", body["project_id"])
    pool = standard(work, body)
    pool["prefixes"], pool["ip_version"] = _merged(body["prefixes"])
    bits = 32 if pool["ip_version"] == 4 else 128
    pool["min_prefixlen"] = _given(pool.get("min_prefixlen"), 8 if bits == 32 else 64)
    pool["max_prefixlen"] = _given(pool.get("max_prefixlen"), bits)
    pool["default_prefixlen"] = _given(pool.get("default_prefixlen"), pool["min_prefixlen"])
    _check_lengths(pool, bits)
    _check_scope(work, pool)
    _check_default(work, pool)
    records.add(work.tx, SUBNETPOOL, pool)
    return pool


def _given(value: Any, default: int) -> int:
    return default if value is None else int(value)


def _merged(prefixes: Iterable[str]) -> tuple[list[str], int]:
    networks: list[Any] = [ip_network(prefix) for prefix in prefixes]
    versions = {network.version for network in networks}
    if not networks:
        raise invalid("EmptySubnetPoolPrefixList", "Empty subnet pool prefix list.")
    if len(versions) > 1:
        raise invalid("PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")
    return [str(network) for network in collapse_addresses(networks)], versions.pop()


def _check_lengths(pool: Record, bits: int) -> None:
    low, high, default = pool["min_prefixlen"], pool["max_prefixlen"], pool["default_prefixlen"]
    for name, value in (("min_prefixlen", low), ("max_prefixlen", high), ("default_prefixlen", default)):
        if value > bits or value < 0:
            raise invalid("UnsupportedMinSubnetPoolPrefix", f"Prefix '{value}' not supported in {name}.")
    if low > high:
        raise _illegal("min_prefixlen", low, "max_prefixlen", high, ">")
    if default < low:
        raise _illegal("default_prefixlen", default, "min_prefixlen", low, "<")
    if default > high:
        raise _illegal("default_prefixlen", default, "max_prefixlen", high, ">")


def _illegal(name: str, value: int, other: str, bound: int, sign: str) -> Exception:
    word = "smaller" if sign == "<" else "larger"
    return invalid(
        "IllegalSubnetPoolPrefixBounds",
        f"Illegal prefix bounds: {name}={value}, {other}={bound}: the first may not be {word}.",
    )


def _check_scope(work: Work, pool: Record) -> None:
    if not pool.get("address_scope_id"):
        return
    scope = require_seen(work, ADDRESS_SCOPE, pool["address_scope_id"])
    if scope["ip_version"] != pool["ip_version"]:
        raise invalid(
            "IllegalSubnetPoolIpVersionAssociationToAddressScope",
            f"Illegal subnetpool association: subnetpool {pool['id']} cannot associate with address scope "
            f"{scope['id']} because subnetpool ip_version is not {scope['ip_version']}.",
        )
    for other in records.find_by(work.tx, SUBNETPOOL, "address_scope_id", [scope["id"]]):
        if other["id"] != pool["id"] and _overlap(other["prefixes"], pool["prefixes"]):
            raise conflict(
                "AddressScopePrefixConflict",
                "Failed to associate address scope: subnetpools within an address scope must have unique prefixes.",
            )


def _overlap(ones: Sequence[str], others: Sequence[str]) -> bool:
    return any(ip_network(one).overlaps(ip_network(other)) for one in ones for other in others)


def _check_default(work: Work, pool: Record) -> None:
    if not pool["is_default"]:
        return
    for other in records.find_by(work.tx, SUBNETPOOL, "is_default", [True]):
        if other["ip_version"] == pool["ip_version"] and other["id"] != pool["id"]:
            raise conflict(
                "InvalidInput",
                "Invalid input for operation: A default subnetpool for this IP family has already been set. "
                "Only one default may exist per IP family.",
            )


def show(work: Work, pool_id: str) -> Record:
    return require_seen(work, SUBNETPOOL, pool_id)


def list_page(work: Work, asked: ListQuery) -> list[Record]:
    return records.list_records(work.tx, SUBNETPOOL, work.actor, asked)


def update(work: Work, pool_id: str, changes: Record) -> Record:
    pool = require_own(work, SUBNETPOOL, pool_id, "update")
    check_privileged(work, "update_subnetpool", changes, _PRIVILEGED)
    after = {**pool, **changes}
    if "prefixes" in changes:
        after["prefixes"], version = _merged([*pool["prefixes"], *changes["prefixes"]])
        _check_grows(pool, changes["prefixes"], version)
        changes["prefixes"] = after["prefixes"]
    _check_lengths(after, 32 if pool["ip_version"] == 4 else 128)
    _check_scope(work, after)
    _check_default(work, after)
    records.change(work.tx, SUBNETPOOL, pool_id, changes, work.now)
    return show(work, pool_id)


def _check_grows(pool: Record, wanted: Sequence[str], version: int) -> None:
    """Prefixes may be added to a pool, never taken away."""
    merged, _ = _merged(wanted)
    kept = all(any(_covers(new, old) for new in merged) for old in pool["prefixes"])
    if version != pool["ip_version"] or not kept:
        raise invalid("IllegalSubnetPoolPrefixUpdate", "Illegal update to prefixes: a prefix in use cannot be removed.")


def _covers(outer: str, inner: str) -> bool:
    big, small = ip_network(outer), ip_network(inner)
    return (
        big.version == small.version
        and int(big.network_address) <= int(small.network_address)
        and int(small.broadcast_address) <= int(big.broadcast_address)
    )


def delete(work: Work, pool_id: str) -> None:
    require_own(work, SUBNETPOOL, pool_id, "delete")
    if records.count(work.tx, SUBNET, "subnetpool_id", pool_id):
        raise invalid("SubnetPoolDeleteError", "Unable to delete subnet pool: Subnet pool has existing allocations.")
    records.remove(work.tx, SUBNETPOOL, pool_id)
