"""Ports: their attributes (api-ref ports; extensions binding, port-security, allowed-address-pairs, extra_dhcp_opt)."""

from __future__ import annotations

from typing import Any

from kilonova_neighbours.network.api.attributes import NAME, REQUIRED, STANDARD, TAGS, Attribute, AttributeTable
from kilonova_neighbours.network.api.converters import (
    address_or_range,
    boolean,
    fixed_ips,
    list_of,
    mac,
    mapping_or_empty,
    number,
    one_of,
    or_none,
    shaped,
    text,
    text_or_empty,
    uuid,
)
from kilonova_neighbours.network.api.resources import Resource
from kilonova_neighbours.network.app import ports
from kilonova_neighbours.network.model.refusals import invalid

_VNIC_TYPES = (
    "normal",
    "direct",
    "direct-physical",
    "macvtap",
    "baremetal",
    "virtio-forwarder",
    "smart-nic",
    "vdpa",
    "accelerator-direct",
    "accelerator-direct-physical",
    "remote-managed",
)
_MOST_PAIRS = 10
_OPTION = shaped({"opt_name": text(64), "opt_value": or_none(text())}, {"ip_version": number(4, 6)})
_PAIR = shaped({"ip_address": address_or_range}, {"mac_address": mac})


def _pairs(name: str, value: Any) -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = list_of(_PAIR, unique=False)(name, value)
    if len(pairs) > _MOST_PAIRS:
        raise invalid(
            "AllowedAddressPairExhausted", f"The number of allowed address pair exceeds the maximum {_MOST_PAIRS}."
        )
    for at, pair in enumerate(pairs):
        if pair in pairs[:at]:
            raise invalid("DuplicateAddressPairInRequest", f"Request contains duplicate address pair: {pair}.")
    return pairs


def _options(name: str, value: Any) -> list[dict[str, Any]]:
    return [{"ip_version": 4, **option} for option in list_of(_OPTION)(name, value)]


PORTS = Resource(
    table=AttributeTable(
        "port",
        "ports",
        (
            *STANDARD,
            *TAGS,
            NAME,
            Attribute("network_id", uuid, post=True, default=REQUIRED),
            Attribute("mac_address", mac, post=True, put=True),
            Attribute("fixed_ips", fixed_ips, post=True, put=True),
            Attribute("admin_state_up", boolean, post=True, put=True, default=True),
            Attribute("status"),
            Attribute("device_id", text(), post=True, put=True, default=""),
            Attribute("device_owner", text(), post=True, put=True, default=""),
            Attribute("security_groups", or_none(list_of(uuid)), post=True, put=True),
            Attribute("port_security_enabled", boolean, post=True, put=True),
            Attribute("allowed_address_pairs", _pairs, post=True, put=True, default=[]),
            Attribute("extra_dhcp_opts", _options, post=True, put=True, default=[]),
            Attribute("binding:vnic_type", one_of(*_VNIC_TYPES), post=True, put=True, default="normal"),
            Attribute("binding:host_id", text_or_empty, post=True, put=True, default="", admin_only=True),
            Attribute("binding:profile", mapping_or_empty, post=True, put=True, default={}, admin_only=True),
            Attribute("binding:vif_type", admin_only=True),
            Attribute("binding:vif_details", admin_only=True),
        ),
    ),
    create=ports.create,
    show=ports.show,
    list_page=ports.list_page,
    update=ports.update,
    delete=ports.delete,
    member_or_service=True,
)
