"""Subnet pools and address scopes: their attributes."""

from __future__ import annotations

from kilonova_neighbours.network.api.attributes import NAME, REQUIRED, STANDARD, TAGS, Attribute, AttributeTable
from kilonova_neighbours.network.api.converters import boolean, cidr, list_of, number, one_of, or_none, uuid
from kilonova_neighbours.network.api.resources import Resource
from kilonova_neighbours.network.app import address_scopes, subnetpools

_LENGTH = number(0, 128)

SUBNETPOOLS = Resource(
    table=AttributeTable(
        "subnetpool",
        "subnetpools",
        (
            *STANDARD,
            *TAGS,
            NAME,
            Attribute("prefixes", list_of(cidr), post=True, put=True, default=REQUIRED),
            Attribute("default_prefixlen", _LENGTH, post=True, put=True),
            Attribute("min_prefixlen", _LENGTH, post=True, put=True),
            Attribute("max_prefixlen", _LENGTH, post=True, put=True),
            Attribute("default_quota", or_none(number(0)), post=True, put=True, default=None),
            Attribute("ip_version"),
            Attribute("shared", boolean, post=True, default=False),
            Attribute("is_default", boolean, post=True, put=True, default=False),
            Attribute("address_scope_id", or_none(uuid), post=True, put=True, default=None),
        ),
    ),
    create=subnetpools.create,
    show=subnetpools.show,
    list_page=subnetpools.list_page,
    update=subnetpools.update,
    delete=subnetpools.delete,
    wires=False,
)

ADDRESS_SCOPES = Resource(
    table=AttributeTable(
        "address_scope",
        "address_scopes",
        (
            *STANDARD,
            NAME,
            Attribute("ip_version", one_of(4, 6), post=True, default=REQUIRED),
            Attribute("shared", boolean, post=True, put=True, default=False),
        ),
    ),
    create=address_scopes.create,
    show=address_scopes.show,
    list_page=address_scopes.list_page,
    update=address_scopes.update,
    delete=address_scopes.delete,
    tagged=False,
    wires=False,
)
