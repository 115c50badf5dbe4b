"""What a fresh cloud holds: one shared network with a subnet."""

from __future__ import annotations

from kilonova_neighbours.network.app import networks, subnets
from kilonova_neighbours.network.app.work import Work
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.settings import BootstrapNetwork
from kilonova_neighbours.network.store import networks as stored_networks
from kilonova_neighbours.network.store import quotas


def look(work: Work) -> None:
    """Touch the database."""
    quotas.projects_with_limits(work.tx)


def ensure_network(work: Work, wanted: BootstrapNetwork) -> None:
    """Whatever is there under the name is left as it is."""
    network_id = stored_networks.named(work.tx, wanted.name, wanted.project_id)
    if network_id is None:
        network_id = networks.create(work, _network(work, wanted))["id"]
    if not stored_networks.subnets_of(work.tx, [network_id])[network_id]:
        subnets.create(work, _subnet(network_id, wanted))


def _network(work: Work, wanted: BootstrapNetwork) -> Record:
    return {
        "name": wanted.name,
        "project_id": wanted.project_id,
        "admin_state_up": True,
        "shared": True,
        "router:external": False,
        "mtu": work.settings.mtu,
        "port_security_enabled": True,
        "availability_zone_hints": [],
    }


def _subnet(network_id: str, wanted: BootstrapNetwork) -> Record:
    return {
        "name": f"{wanted.name}-subnet",
        "project_id": wanted.project_id,
        "network_id": network_id,
        "ip_version": 6 if ":" in wanted.cidr else 4,
        "cidr": wanted.cidr,
        "enable_dhcp": True,
        "dns_nameservers": list(wanted.dns_nameservers),
        "host_routes": [],
        "service_types": [],
        "ipv6_ra_mode": None,
        "ipv6_address_mode": None,
        "subnetpool_id": None,
    }
