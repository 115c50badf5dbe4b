"""Security groups and their rules: their attributes (api-ref security groups)."""

from __future__ import annotations

from typing import Any

from kilonova_kit.ip_protocols import IP_PROTOCOLS

from kilonova_neighbours.network.api.attributes import NAME, REQUIRED, STANDARD, TAGS, Attribute, AttributeTable
from kilonova_neighbours.network.api.converters import boolean, one_of, or_none, prefix, text, uuid
from kilonova_neighbours.network.api.resources import Resource
from kilonova_neighbours.network.app import security_group_rules, security_groups
from kilonova_neighbours.network.model.records import Actor, Record
from kilonova_neighbours.network.model.refusals import invalid

_ETHERTYPES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def _ethertype(name: str, value: Any) -> str:
    if isinstance(value, str) and value.lower() in _ETHERTYPES:
        return _ETHERTYPES[value.lower()]
    raise invalid(
        "SecurityGroupRuleInvalidEtherType",
        f"Security group rule for ethertype '{value}' not supported. Allowed values are ['IPv4', 'IPv6'].",
    )


def _protocol(name: str, value: Any) -> str | None:
    """A name or a number as text; ``any`` and nothing mean every protocol."""
    if value in (None, "", "any"):
        return None
    word = str(value).lower()
    if word in IP_PROTOCOLS:
        return word
    if word.isascii() and word.isdigit() and len(word) <= 3 and int(word) <= 255:
        return word
    raise invalid(
        "SecurityGroupRuleInvalidProtocol",
        f"Security group rule protocol {value} not supported. Only protocol values {sorted(IP_PROTOCOLS)} and integer "
        "representations [0 to 255] are supported.",
    )


def _port(name: str, value: Any) -> int | None:
    if value in (None, ""):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number <= 65535:
        raise invalid("SecurityGroupInvalidPortValue", f"Invalid value for port {value}")
    return number


SECURITY_GROUP_RULES = Resource(
    table=AttributeTable(
        "security_group_rule",
        "security_group_rules",
        (
            *STANDARD,
            Attribute("security_group_id", uuid, post=True, default=REQUIRED),
            Attribute("direction", one_of("ingress", "egress"), post=True, default=REQUIRED),
            Attribute("ethertype", _ethertype, post=True, default="IPv4"),
            Attribute("protocol", _protocol, post=True, default=None),
            Attribute("port_range_min", _port, post=True, default=None),
            Attribute("port_range_max", _port, post=True, default=None),
            Attribute("remote_ip_prefix", prefix, post=True, default=None),
            Attribute("normalized_cidr"),
            Attribute("remote_group_id", or_none(text(36)), post=True, default=None),
            Attribute("belongs_to_default_sg"),
        ),
    ),
    create=security_group_rules.create,
    create_many=security_group_rules.create_many,
    show=security_group_rules.show,
    list_page=security_group_rules.list_page,
    update=security_group_rules.update,
    delete=security_group_rules.delete,
    tagged=False,
    uses_default_group=True,
)


def _with_shown_rules(record: Record, actor: Actor) -> Record:
    rules = [SECURITY_GROUP_RULES.table.show(rule, actor) for rule in record["security_group_rules"]]
    return {**record, "security_group_rules": rules}


SECURITY_GROUPS = Resource(
    table=AttributeTable(
        "security_group",
        "security_groups",
        (
            *STANDARD,
            *TAGS,
            NAME,
            Attribute("stateful", boolean, post=True, put=True, default=True),
            Attribute("shared"),
            Attribute("security_group_rules"),
        ),
    ),
    create=security_groups.create,
    show=security_groups.show,
    list_page=security_groups.list_page,
    update=security_groups.update,
    delete=security_groups.delete,
    finish=_with_shown_rules,
    uses_default_group=True,
)
