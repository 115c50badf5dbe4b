"""Subnets: their attributes (api-ref subnets; subnet_allocation, default-subnetpools, subnet-service-types)."""

from __future__ import annotations

from kilonova_neighbours.network.api.attributes import NAME, REQUIRED, STANDARD, TAGS, Attribute, AttributeTable
from kilonova_neighbours.network.api.converters import (
    address,
    boolean,
    cidr,
    list_of,
    number,
    one_of,
    or_none,
    shaped,
    text,
    uuid,
)
from kilonova_neighbours.network.api.resources import Resource
from kilonova_neighbours.network.app import subnets

_POOL = shaped({"start": address, "end": address})
_ROUTE = shaped({"destination": cidr, "nexthop": address})
_MODE = or_none(one_of("dhcpv6-stateful", "dhcpv6-stateless", "slaac"))

SUBNETS = Resource(
    table=AttributeTable(
        "subnet",
        "subnets",
        (
            *STANDARD,
            *TAGS,
            NAME,
            Attribute("network_id", uuid, post=True, default=REQUIRED),
            Attribute("ip_version", number(4, 6), post=True, default=None),
            Attribute("cidr", or_none(cidr), post=True, default=None),
            Attribute("gateway_ip", or_none(address), post=True, put=True),
            Attribute("allocation_pools", or_none(list_of(_POOL)), post=True, put=True, default=None),
            Attribute("dns_nameservers", list_of(address), post=True, put=True, default=[]),
            Attribute("host_routes", list_of(_ROUTE), post=True, put=True, default=[]),
            Attribute("enable_dhcp", boolean, post=True, put=True, default=True),
            Attribute("ipv6_ra_mode", _MODE, post=True, default=None),
            Attribute("ipv6_address_mode", _MODE, post=True, default=None),
            Attribute("subnetpool_id", or_none(uuid), post=True, default=None),
            Attribute("use_default_subnetpool", boolean, post=True, shown=False, default=False),
            Attribute("prefixlen", or_none(number(0, 128)), post=True, shown=False, default=None),
            Attribute("service_types", list_of(text()), post=True, put=True, default=[]),
        ),
    ),
    create=subnets.create,
    show=subnets.show,
    list_page=subnets.list_page,
    update=subnets.update,
    delete=subnets.delete,
)
