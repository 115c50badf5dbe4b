"""Subnets: ranges that do not overlap on their network, pools inside them, a gateway outside of the pools."""

from __future__ import annotations

from ipaddress import ip_network

from kilonova_neighbours.network.app import prefixes, quotas, security_groups
from kilonova_neighbours.network.app.work import Work, check_revision, require, require_own, require_seen, standard
from kilonova_neighbours.network.model import addresses
from kilonova_neighbours.network.model.records import ROUTER_INTERFACE, ListQuery, Record
from kilonova_neighbours.network.model.refusals import (
    bad_request,
    conflict,
    disallowed,
    invalid_input,
    not_found,
    subnet_in_use,
)
from kilonova_neighbours.network.store import allocations, ports, records
from kilonova_neighbours.network.store.kinds import NETWORK, PORT, SUBNET


def create(work: Work, body: Record) -> Record:
    network = _network_to_change(work, body["network_id"])
    security_groups.ensure_default(work, body["project_id"])
    quotas.take(work, "subnet", body["project_id"])
    records.lock(work.tx, NETWORK, network["id"])
    body = prefixes.choose_prefix(work, body)
    cidr = ip_network(body["cidr"])
    _check_versions(body, cidr)
    _check_ipv6_modes(body, cidr)
    _check_room(work, network["id"], cidr)
    if "gateway_ip" not in body:
        body["gateway_ip"] = addresses.default_gateway(cidr)
    elif body["gateway_ip"] is not None:
        addresses.check_gateway(body["gateway_ip"], cidr)
    body["allocation_pools"] = _pools(body, cidr)
    _check_lists(work, body, cidr.version)
    subnet = standard(work, body)
    records.add(work.tx, SUBNET, subnet)
    records.change(work.tx, NETWORK, network["id"], {}, work.now)
    if addresses.uses_auto_addresses(subnet):
        _address_present_ports(work, subnet)
    return show(work, subnet["id"])


def _network_to_change(work: Work, network_id: str) -> Record:
    network = require_seen(work, NETWORK, network_id)
    if not (work.actor.is_admin or work.actor.owns(network)):
        raise disallowed("create_subnet", "network_owner")
    return network


def _check_versions(body: Record, cidr: addresses.Network) -> None:
    if body.get("ip_version") is None:
        raise bad_request("Failed to parse request. Required attribute 'ip_version' not specified")
    if body["ip_version"] != cidr.version:
        raise invalid_input(f"cidr '{body['cidr']}' does not match the ip_version '{body['ip_version']}'")
    if cidr.is_multicast:
        raise invalid_input(f"cidr '{body['cidr']}': multicast subnet is not supported")


def _check_ipv6_modes(body: Record, cidr: addresses.Network) -> None:
    """neutron/db/db_base_plugin_v2.py, _validate_ipv6_attributes."""
    ra, address = body["ipv6_ra_mode"], body["ipv6_address_mode"]
    if ra is None and address is None:
        return
    if cidr.version == 4:
        raise invalid_input("ipv6_ra_mode and ipv6_address_mode can only be set when ip_version is 6")
    if not body["enable_dhcp"]:
        raise invalid_input("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if ra and address and ra != address:
        raise invalid_input(
            f"ipv6_ra_mode set to '{ra}' with ipv6_address_mode set to '{address}' is not valid. "
            "If both attributes are set, they must be the same value"
        )
    if "dhcpv6-stateful" not in (ra, address) and cidr.prefixlen != 64:
        raise invalid_input(
            f"Invalid CIDR {cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format, "
            "which requires the prefix to be /64"
        )


def _check_room(work: Work, network_id: str, cidr: addresses.Network) -> None:
    for other in records.find_by(work.tx, SUBNET, "network_id", [network_id]):
        if other["ip_version"] == cidr.version and ip_network(other["cidr"]).overlaps(cidr):
            raise invalid_input(
                f"Requested subnet with cidr: {cidr} for network: {network_id} overlaps with another subnet"
            )


def _pools(body: Record, cidr: addresses.Network) -> list[Record]:
    given = body.get("allocation_pools")
    if given is None:
        return addresses.default_pools(cidr, body["gateway_ip"])
    addresses.check_pools(given, cidr, body["gateway_ip"])
    return [
        {"start": addresses.same_address(pool["start"]), "end": addresses.same_address(pool["end"])} for pool in given
    ]


def _check_lists(work: Work, body: Record, version: int) -> None:
    if len(body.get("dns_nameservers") or ()) > work.settings.most_dns_nameservers:
        raise bad_request("The number of DNS nameservers exceeds the limit.")
    if len(body.get("host_routes") or ()) > work.settings.most_host_routes:
        raise bad_request("The number of host routes exceeds the limit.")
    for route in body.get("host_routes") or ():
        if ip_network(route["destination"]).version != version:
            raise invalid_input(f"host route '{route['destination']}' does not match the ip_version '{version}'")


def _address_present_ports(work: Work, subnet: Record) -> None:
    """A port that is there already takes part in a new subnet of automatic addresses."""
    for port in records.find_by(work.tx, PORT, "network_id", [subnet["network_id"]]):
        if port["device_owner"] == ROUTER_INTERFACE:
            continue
        address = addresses.eui64_address(subnet["cidr"], port["mac_address"])
        fixed = [*port["fixed_ips"], {"subnet_id": subnet["id"], "ip_address": address}]
        ports.change_port(work.tx, port, {"fixed_ips": fixed}, work.now)


def show(work: Work, subnet_id: str) -> Record:
    return require_seen(work, SUBNET, subnet_id)


def list_page(work: Work, asked: ListQuery) -> list[Record]:
    return records.list_records(work.tx, SUBNET, work.actor, asked)


def update(work: Work, subnet_id: str, changes: Record) -> Record:
    subnet = _subnet_to_change(work, subnet_id, "update")
    cidr = ip_network(subnet["cidr"])
    if changes.get("allocation_pools", ()) is None:
        del changes["allocation_pools"]
    if "allocation_pools" in changes:
        gateway = changes.get("gateway_ip", subnet["gateway_ip"])
        changes["allocation_pools"] = _pools({**changes, "gateway_ip": gateway}, cidr)
    if "gateway_ip" in changes:
        _check_new_gateway(work, subnet, changes, cidr)
    _check_lists(work, changes, cidr.version)
    if changes.get("enable_dhcp") is False and (subnet["ipv6_ra_mode"] or subnet["ipv6_address_mode"]):
        raise invalid_input("Cannot disable enable_dhcp with ipv6 attributes set")
    records.change(work.tx, SUBNET, subnet_id, changes, work.now)
    return show(work, subnet_id)


def _subnet_to_change(work: Work, subnet_id: str, verb: str) -> Record:
    """The owner of the subnet or of its network may."""
    records.lock(work.tx, SUBNET, subnet_id)
    subnet = require_seen(work, SUBNET, subnet_id)
    if work.actor.owns(require(work, NETWORK, subnet["network_id"])):
        check_revision(work, SUBNET, subnet)
        return subnet
    return require_own(work, SUBNET, subnet_id, verb)


def _check_new_gateway(work: Work, subnet: Record, changes: Record, cidr: addresses.Network) -> None:
    gateway, before = changes["gateway_ip"], subnet["gateway_ip"]
    if gateway is not None:
        addresses.check_gateway(gateway, cidr)
        addresses.check_gateway_outside(changes.get("allocation_pools") or subnet["allocation_pools"], gateway)
    if before is None or before == gateway:
        return
    number = int(ip_network(before).network_address)
    owner = allocations.owner_of(work.tx, subnet["id"], number, cidr.version)
    if owner and require(work, PORT, owner)["device_owner"].startswith("network:router"):
        raise conflict(
            "GatewayIpInUse", f"Current gateway ip {before} already in use by port {owner}. Unable to update."
        )


def delete(work: Work, subnet_id: str) -> None:
    subnet = _subnet_to_change(work, subnet_id, "delete")
    records.lock(work.tx, NETWORK, subnet["network_id"])
    automatic = addresses.uses_auto_addresses(subnet)
    for port_id in allocations.ports_of_subnet(work.tx, subnet_id):
        port = records.find(work.tx, PORT, port_id)
        if port is None:
            raise not_found("port", port_id)
        owner = port["device_owner"]
        if owner == ROUTER_INTERFACE or (not automatic and owner != "network:dhcp"):
            raise subnet_in_use(subnet_id)
        kept = [fixed for fixed in port["fixed_ips"] if fixed["subnet_id"] != subnet_id]
        ports.change_port(work.tx, port, {"fixed_ips": kept}, work.now)
    records.remove(work.tx, SUBNET, subnet_id)
    records.change(work.tx, NETWORK, subnet["network_id"], {}, work.now)
