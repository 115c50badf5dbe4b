"""A router's own ports: how they are made, and what two subnets on one router must not do.

They are no members of security groups, have no port security, and count in no quota check, as in Neutron.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

from kilonova_kit.ids import new_uuid

from kilonova_neighbours.network.app.addressing import choose_addresses
from kilonova_neighbours.network.app.ports import binding
from kilonova_neighbours.network.app.work import Work, standard
from kilonova_neighbours.network.model.addresses import random_mac
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.model.refusals import bad_router_request
from kilonova_neighbours.network.store import ports, records, routers
from kilonova_neighbours.network.store.kinds import SUBNET


def add_port(
    work: Work, router: Record, network_id: str, *, device_owner: str, project_id: str, asked: Sequence[Record] | None
) -> Record:
    """A new port of the router. ``asked``: its addresses; None for one of each version."""
    port = standard(
        work,
        {
            "id": new_uuid(),
            "name": "",
            "project_id": project_id,
            "network_id": network_id,
            "mac_address": random_mac(work.settings.mac_base),
            "admin_state_up": True,
            "device_id": router["id"],
            "device_owner": device_owner,
            "port_security_enabled": False,
            "security_groups": [],
            "allowed_address_pairs": [],
            "extra_dhcp_opts": [],
            "binding:host_id": "",
            "binding:vnic_type": "normal",
            "binding:profile": {},
        },
    )
    port["fixed_ips"] = choose_addresses(work, {**port, "fixed_ips": []}, asked)
    port |= binding(port)
    ports.add_port(work.tx, port)
    routers.attach(work.tx, router["id"], port["id"], device_owner)
    return port


def subnets_of(work: Work, port_list: Sequence[Record]) -> list[Record]:
    """The subnets in which the ports have addresses."""
    ids = {fixed["subnet_id"] for port in port_list for fixed in port["fixed_ips"]}
    return records.find_by(work.tx, SUBNET, "id", sorted(ids))


def check_apart(work: Work, router: Record, new: Sequence[Record]) -> None:
    """Refuse subnets that the router has already, or that overlap with one it has (l3_db.py)."""
    interfaces = routers.interfaces_of(work.tx, router["id"])
    gateway = list(routers.gateways_of(work.tx, [router["id"]]).values())
    taken = {subnet["id"] for subnet in subnets_of(work, [*interfaces, *gateway])}
    for subnet in new:
        if subnet["id"] in taken:
            raise bad_router_request(f"Router already has a port on subnet {subnet['id']}")
    for other in subnets_of(work, interfaces):
        for subnet in new:
            _check_pair(subnet, other)


def _check_pair(new: Record, other: Record) -> None:
    if new["ip_version"] == other["ip_version"] and ip_network(new["cidr"]).overlaps(ip_network(other["cidr"])):
        raise bad_router_request(
            f"Cidr {new['cidr']} of subnet {new['id']} overlaps with cidr {other['cidr']} of subnet {other['id']}"
        )
