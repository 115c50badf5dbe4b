"""Networks: their attributes (api-ref networks; extensions external-net, provider, net-mtu, port-security)."""

from __future__ import annotations

from kilonova_neighbours.network.api.attributes import NAME, STANDARD, TAGS, Attribute, AttributeTable
from kilonova_neighbours.network.api.converters import boolean, list_of, number, one_of, or_none, text
from kilonova_neighbours.network.api.resources import Resource
from kilonova_neighbours.network.app import networks

NETWORKS = Resource(
    table=AttributeTable(
        "network",
        "networks",
        (
            *STANDARD,
            *TAGS,
            NAME,
            Attribute("admin_state_up", boolean, post=True, put=True, default=True),
            Attribute("status"),
            Attribute("shared", boolean, post=True, put=True, default=False),
            Attribute("subnets"),
            Attribute("router:external", boolean, post=True, put=True, default=False),
            Attribute("mtu", number(0, 65536), post=True, put=True, default=0),
            Attribute("port_security_enabled", boolean, post=True, put=True, default=True),
            Attribute("availability_zone_hints", list_of(text()), post=True, default=[]),
            Attribute("availability_zones"),
            Attribute("ipv4_address_scope"),
            Attribute("ipv6_address_scope"),
            Attribute(
                "provider:network_type",
                or_none(one_of("flat", "local", "vlan", "vxlan", "gre", "geneve")),
                post=True,
                put=True,
                admin_only=True,
            ),
            Attribute("provider:physical_network", or_none(text(64)), post=True, put=True, admin_only=True),
            Attribute("provider:segmentation_id", or_none(number(1)), post=True, put=True, admin_only=True),
        ),
    ),
    create=networks.create,
    show=networks.show,
    list_page=networks.list_page,
    update=networks.update,
    delete=networks.delete,
)
