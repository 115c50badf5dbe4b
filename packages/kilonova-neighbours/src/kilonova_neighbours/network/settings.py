"""What the network service is told at its start."""

from __future__ import annotations

import msgspec

#: Neutron's defaults are 500 ports, 10 security groups and 100 rules: one busy project of a small cloud runs into them
#: at 500 servers, so these are raised; the others are Neutron's.
DEFAULT_QUOTAS: dict[str, int] = {
    "network": 100,
    "subnet": 100,
    "subnetpool": -1,
    "port": 10_000,
    "security_group": 100,
    "security_group_rule": 1000,
    "rbac_policy": 10,
    "router": 10,
}


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``database_url`` as SQLAlchemy reads it; quotas of -1 are without limit; ``mtu`` is in bytes."""

    database_url: str
    quotas: dict[str, int] = msgspec.field(default_factory=lambda: dict(DEFAULT_QUOTAS))
    mtu: int = 1500
    mac_base: str = "fa:16:3e"
    availability_zone: str = "nova"
    most_fixed_ips: int = 5
    most_dns_nameservers: int = 5
    most_host_routes: int = 20
    most_routes: int = 30
    page_maximum: int = 10_000


class BootstrapNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A shared network with one subnet, ``NAME-subnet``, that a fresh cloud holds. Gateway: the first address."""

    name: str
    cidr: str
    project_id: str
    dns_nameservers: tuple[str, ...] = ()
