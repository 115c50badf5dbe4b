"""Which addresses a port gets: as asked, else from the pools of its network's subnets.

Neutron's rules (neutron/db/ipam_pluggable_backend.py): one IPv4 and one IPv6 address, and one of every subnet whose
addresses follow from the MAC.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from kilonova_neighbours.network.app.work import Work
from kilonova_neighbours.network.model import addresses
from kilonova_neighbours.network.model.records import ROUTER_INTERFACE, Record
from kilonova_neighbours.network.model.refusals import (
    address_allocated,
    bad_request,
    invalid,
    invalid_input,
    no_more_addresses,
)
from kilonova_neighbours.network.store import allocations, records
from kilonova_neighbours.network.store.kinds import SUBNET


def choose_addresses(work: Work, port: Record, asked: Sequence[Record] | None) -> list[Record]:
    """The port's fixed IPs. ``port`` needs id, network_id, mac_address, device_owner; ``asked`` None: automatic.

    Raises BadRequest and Conflict in Neutron's words.
    """
    if asked is not None and len(asked) > work.settings.most_fixed_ips:
        raise invalid_input("Exceeded maximum amount of fixed ips per port.")
    subnets = records.find_by(work.tx, SUBNET, "network_id", [port["network_id"]])
    return _automatic(work, port, subnets) if asked is None else _as_asked(work, port, subnets, asked)


def _automatic(work: Work, port: Record, subnets: Sequence[Record]) -> list[Record]:
    serving = _for_owner(subnets, port["device_owner"])
    chosen = [_auto_address(subnet, port) for subnet in serving if _follows_mac(subnet, port)]
    for version in (4, 6):
        pooled = [s for s in serving if s["ip_version"] == version and not _follows_mac(s, port)]
        if pooled:
            chosen.append(_from_any(work, port, pooled))
    return sorted(chosen, key=lambda fixed: ip_address(fixed["ip_address"]).version)


def _for_owner(subnets: Sequence[Record], device_owner: str) -> Sequence[Record]:
    """Subnets that serve this kind of device, else those that serve any (subnet-service-types)."""
    special = [subnet for subnet in subnets if device_owner in subnet["service_types"]]
    return special or [subnet for subnet in subnets if not subnet["service_types"]]


def _follows_mac(subnet: Record, port: Record) -> bool:
    """A router's interface has the gateway's address, whatever the others of its subnet have."""
    return addresses.uses_auto_addresses(subnet) and port["device_owner"] != ROUTER_INTERFACE


def _auto_address(subnet: Record, port: Record) -> Record:
    address = addresses.eui64_address(subnet["cidr"], port["mac_address"])
    return {"subnet_id": subnet["id"], "ip_address": address}


def _from_any(work: Work, port: Record, subnets: Sequence[Record], taken: Sequence[Record] = ()) -> Record:
    for subnet in subnets:
        spans, version = addresses.spans_of(subnet["allocation_pools"]), subnet["ip_version"]
        numbers = {int(ip_address(t["ip_address"])) for t in taken if t["subnet_id"] == subnet["id"]}
        if address := allocations.free_address(work.tx, subnet["id"], spans, version, numbers):
            return {"subnet_id": subnet["id"], "ip_address": address}
    raise no_more_addresses(port["network_id"])


def _as_asked(work: Work, port: Record, subnets: Sequence[Record], asked: Sequence[Record]) -> list[Record]:
    by_id = {subnet["id"]: subnet for subnet in subnets}
    chosen: list[Record] = []
    present = {(fixed["subnet_id"], fixed["ip_address"]) for fixed in port.get("fixed_ips", ())}
    for wish in sorted(asked, key=lambda wish: "ip_address" not in wish):  # given ones first: none is taken by chance
        fixed = _one(work, port, by_id, wish, chosen)
        if any(fixed["ip_address"] == other["ip_address"] for other in chosen):
            raise bad_request(f"Duplicate IP address '{fixed['ip_address']}'")
        if (fixed["subnet_id"], fixed["ip_address"]) not in present:
            _check_free(work, fixed)
        chosen.append(fixed)
    return chosen


def _check_free(work: Work, fixed: Record) -> None:
    address = ip_address(fixed["ip_address"])
    if allocations.is_taken(work.tx, fixed["subnet_id"], int(address), address.version):
        raise address_allocated(fixed["ip_address"], fixed["subnet_id"])


def _one(work: Work, port: Record, by_id: dict[str, Record], wish: Record, chosen: Sequence[Record]) -> Record:
    if "ip_address" in wish:
        return _given_address(port, by_id, wish)
    subnet = _subnet_of_wish(port, by_id, wish["subnet_id"])
    if _follows_mac(subnet, port):
        return _auto_address(subnet, port)
    for fixed in port.get("fixed_ips", ()):  # an update that names only the subnet keeps the address there
        if fixed["subnet_id"] == subnet["id"] and fixed not in chosen:
            return dict(fixed)
    return _from_any(work, port, [subnet], chosen)


def _subnet_of_wish(port: Record, by_id: dict[str, Record], subnet_id: str) -> Record:
    if subnet_id not in by_id:
        raise invalid_input(
            f"Failed to create port on network {port['network_id']}, "
            f"because fixed_ips included invalid subnet {subnet_id}"
        )
    return by_id[subnet_id]


def _given_address(port: Record, by_id: dict[str, Record], wish: Record) -> Record:
    address = ip_address(wish["ip_address"])
    if wish.get("subnet_id"):
        subnet = _subnet_of_wish(port, by_id, wish["subnet_id"])
        if not _usable(subnet, address):
            raise invalid("InvalidIpForSubnet", f"IP address {address} is not a valid IP for the specified subnet.")
    else:
        subnet = next((s for s in by_id.values() if _usable(s, address)), {})
        if not subnet:
            raise invalid(
                "InvalidIpForNetwork",
                f"IP address {address} is not a valid IP for any of the subnets on the specified network.",
            )
    if _follows_mac(subnet, port) and _auto_address(subnet, port)["ip_address"] != str(address):
        raise invalid(
            "AllocationOnAutoAddressSubnet",
            f"IPv6 address {address} can not be directly assigned to a port on subnet {subnet['id']} "
            "since the subnet is configured for automatic addresses",
        )
    return {"subnet_id": subnet["id"], "ip_address": str(address)}


def _usable(subnet: Record, address: addresses.Address) -> bool:
    network = ip_network(subnet["cidr"])
    span = addresses.usable_span(network)
    return address.version == network.version and span.first <= int(address) <= span.last
