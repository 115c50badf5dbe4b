"""Address translation and isolation outside the hub: the table of a router and the table of the outside namespace.

Pure: names in, commands out.
"""

from __future__ import annotations

from collections.abc import Sequence

from kilonova_agent.network import expressions as nft
from kilonova_agent.network import names
from kilonova_agent.network.expressions import ACCEPT, DROP, Json

ROUTER_TABLE = "kilonova"
#: The two links of every router.
INSIDE, UPLINK = "inside", "uplink"
_LINK_LOCAL = "169.254.0.0/16"
_ANY_UPLINK = f"{names.UPLINK_PREFIX}*"
_KNOWN = nft.match(nft.conntrack("state"), {"set": ["established", "related"]})


def router_rules() -> list[Json]:
    """A router answers DHCP, metadata and ping to its guests, and hides them behind its uplink's address."""
    table = nft.Table("ip", ROUTER_TABLE)
    inside = nft.match(nft.meta("iifname"), INSIDE)
    table.hook(
        "input",
        hook="input",
        priority=0,
        rules=[
            [nft.match(nft.meta("iifname"), INSIDE, "!="), ACCEPT],
            [_KNOWN, ACCEPT],
            [nft.match(nft.meta("l4proto"), 1), ACCEPT],
            [nft.match(nft.payload("udp", "dport"), 67), ACCEPT],
            [
                nft.match(nft.payload("ip", "daddr"), names.METADATA_ADDRESS),
                nft.match(nft.payload("tcp", "dport"), names.METADATA_PORT),
                ACCEPT,
            ],
            [inside, DROP],
        ],
    )
    table.hook(
        "postrouting",
        hook="postrouting",
        priority=100,
        kind="nat",
        rules=[[nft.match(nft.meta("oifname"), UPLINK), {"masquerade": None}]],
    )
    return table.commands


def _dns(from_guest: Json, resolvers: Sequence[str]) -> list[Json]:
    is_resolver = nft.match(nft.payload("ip", "daddr"), nft.one_of(resolvers))
    is_question = nft.match(nft.payload("th", "dport"), 53)
    return [from_guest, is_resolver, nft.match(nft.meta("l4proto"), nft.one_of([6, 17])), is_question, ACCEPT]


def outside_rules(
    table_name: str, link_range: str, comment: str, *, enclosed: bool, resolvers: Sequence[str] = ()
) -> list[Json]:
    """Masquerade this agent's link addresses and nothing else; guests of two networks do not meet out here.

    Connections to guests may begin on this machine, but never come through it from elsewhere. Guests begin none to the
    machine itself, whatever listens there, but for ping and for DNS where it is its own resolver; nor to link-local
    addresses, where clouds keep the credentials of machines that are themselves guests.
    """
    # pasta (as of 2023) sends window updates without the ACK flag. Conntrack does not know them for the guest's, so the
    # enclosure itself would answer with a reset and end the guest's connection.
    stray = [[nft.match(nft.conntrack("state"), "invalid", "in"), DROP]] if enclosed else []
    table = nft.Table("ip", table_name, comment)
    from_guest = nft.match(nft.meta("iifname"), _ANY_UPLINK)
    to_guest = nft.match(nft.meta("oifname"), _ANY_UPLINK)
    table.hook(
        "forward",
        hook="forward",
        priority=0,
        rules=[
            [from_guest, to_guest, DROP],
            [from_guest, nft.match(nft.payload("ip", "daddr"), nft.network(_LINK_LOCAL)), DROP],
            [to_guest, _KNOWN, ACCEPT],
            [to_guest, DROP],
        ],
    )
    asks = [_dns(from_guest, resolvers)] if resolvers else []
    ping = [from_guest, nft.match(nft.meta("l4proto"), 1), ACCEPT]
    to_machine = [*stray, [from_guest, _KNOWN, ACCEPT], ping, *asks, [from_guest, DROP]]
    table.hook("input", hook="input", priority=0, rules=to_machine)
    elsewhere = nft.match(nft.meta("oifname"), _ANY_UPLINK, "!=")
    source = nft.match(nft.payload("ip", "saddr"), nft.network(link_range))
    table.hook(
        "postrouting",
        hook="postrouting",
        priority=100,
        kind="nat",
        rules=[[source, elsewhere, {"masquerade": None}]],
    )
    return table.commands
