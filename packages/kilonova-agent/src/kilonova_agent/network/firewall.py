"""What may leave and reach each guest: anti-spoofing and security groups, as one nftables transaction for the hub.

Pure: ports in, commands out. Three places, because no single hook of the kernel sees everything:

- ``netdev`` ingress of a tap (what the guest sends): only its own MAC and addresses, no DHCP server, no router
  advertisement; marks the packet with the port it came from.
- ``inet`` forward, reached through br_netfilter (both directions, stateful): the sender's egress rules by mark, then
  the receiver's ingress rules by bridge and MAC. Each bridge has a conntrack zone, so tenants' addresses may overlap.
- ``netdev`` egress of a tap (what reaches the guest): frames for others that the bridge floods are dropped, and
  broadcast and multicast, whose receiver the forward hook cannot know, must match an ingress rule here.

Ports without port security get none of it. The rules only ever allow (Neutron API reference, "Security groups").
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

import msgspec
from kilonova_messages.wishes import FirewallRule, PortWiring

from kilonova_agent.network import expressions as nft
from kilonova_agent.network import names
from kilonova_agent.network.expressions import ACCEPT, DROP, RETURN, Json
from kilonova_agent.network.protocols import protocol_number

TABLE = "kilonova"
#: Neighbour discovery and multicast listening: without them no address works (RFC 4890, 4.4.1).
_NEIGHBOUR_TYPES = (133, 135, 136)
_LISTENER_TYPES = (130, 131, 132, 143)
_ROUTER_ADVERTISEMENT, _REDIRECT = 134, 137
_IS_GROUP = {"&": [nft.payload("ether", "daddr"), "01:00:00:00:00:00"]}
_UNSET = "0.0.0.0"  # noqa: S104  the address of a guest that has none yet
_ICMPV6_TYPE = nft.payload("icmpv6", "type")


class GuardedPort(msgspec.Struct, frozen=True):
    """A port with port security, and the conntrack zone of its network."""

    wiring: PortWiring
    zone: int

    @property
    def tap(self) -> str:
        return names.tap(self.wiring.port_id)

    @property
    def bridge(self) -> str:
        return names.bridge(self.wiring.network_id)


def hub_rules(ports: Sequence[GuardedPort]) -> list[Json]:
    """The commands that make the hub's firewall match these ports, whatever was there before."""
    guarded = [port for port in ports if not port.wiring.unrestricted]
    return _per_tap(guarded) + _forwarding(guarded)


def _per_tap(ports: Sequence[GuardedPort]) -> list[Json]:
    table = nft.Table("netdev", TABLE)
    for port in ports:
        table.chain(f"allow-{port.tap}", _allowances(port.wiring.rules, "ingress", ACCEPT))
        table.hook(
            f"from-{port.tap}", hook="ingress", priority=0, policy="drop", device=port.tap, rules=_sending(port.wiring)
        )
        table.hook(f"to-{port.tap}", hook="egress", priority=0, policy="drop", device=port.tap, rules=_receiving(port))
    return table.commands


def _forwarding(ports: Sequence[GuardedPort]) -> list[Json]:
    table = nft.Table("inet", TABLE)
    if not ports:
        return table.commands
    zones = sorted({(port.bridge, port.zone) for port in ports})
    zone = {"map": {"key": nft.meta("iifname"), "data": {"set": [list(pair) for pair in zones]}}}
    in_zone = nft.match(nft.meta("iifname"), nft.one_of([name for name, _ in zones]))
    table.hook(
        "zones",
        hook="prerouting",
        priority=-300,
        rules=[[in_zone, nft.set_value(nft.conntrack("zone"), zone)]],
    )
    for port in ports:
        rules = port.wiring.rules
        half = names.connection_half(port.wiring.port_id)
        leave, reach = _mark_connection(half << 16, keep=0xFFFF), _mark_connection(half, keep=0xFFFF0000)
        table.chain(f"leave-{port.tap}", [[leave], *_allowances(rules, "egress", RETURN), [DROP]])
        table.chain(f"reach-{port.tap}", [[reach], *_allowances(rules, "ingress", ACCEPT), [DROP]])
    table.hook("forward", hook="forward", priority=0, rules=_forward(ports, [name for name, _ in zones]))
    return table.commands


def _mark_connection(half: int, *, keep: int) -> Json:
    """Write into one half of the connection's mark whom it left or reached, so that it can be ended with the port."""
    mark = nft.conntrack("mark")
    return nft.set_value(mark, {"|": [{"&": [mark, keep]}, half]})


def _forward(ports: Sequence[GuardedPort], bridges: Sequence[str]) -> list[list[Json]]:
    """The stateful part: what belongs to a known connection, what is always allowed, then the port's own rules."""
    leave = [(names.packet_mark(port.wiring.port_id), nft.jump(f"leave-{port.tap}")) for port in ports]
    receivers = {(port.bridge, mac): port.tap for port in reversed(ports) for mac in _macs(port.wiring)}
    reach = [({"concat": list(key)}, nft.goto(f"reach-{tap}")) for key, tap in sorted(receivers.items())]
    receiver = {"concat": [nft.meta("iifname"), nft.payload("ether", "daddr")]}
    return [
        [nft.match(nft.meta("iifname"), nft.one_of(bridges), "!="), ACCEPT],
        [nft.match(nft.conntrack("state"), {"set": ["established", "related"]}), ACCEPT],
        *([*rule, ACCEPT] for rule in _always_allowed()),
        [nft.match(nft.conntrack("state"), "invalid", "in"), DROP],
        [nft.verdict_map(nft.meta("mark"), leave)],
        [nft.verdict_map(receiver, reach)],
    ]


def _always_allowed() -> list[list[Json]]:
    to_metadata = nft.match(nft.payload("ip", "daddr"), names.METADATA_ADDRESS)
    return [
        _udp(67, 68),
        _udp(68, 67),
        [to_metadata, nft.match(nft.payload("tcp", "dport"), names.METADATA_PORT)],
        [nft.match(_ICMPV6_TYPE, nft.one_of(_NEIGHBOUR_TYPES))],
    ]


def _udp(source: int, target: int) -> list[Json]:
    return [nft.match(nft.payload("udp", "sport"), source), nft.match(nft.payload("udp", "dport"), target)]


def _sending(wiring: PortWiring) -> list[list[Json]]:
    """What a guest may put on the wire; everything not accepted here is dropped."""
    owned = _owned_addresses(wiring)
    mark = nft.set_value(nft.meta("mark"), names.packet_mark(wiring.port_id))
    rules = [
        [nft.match(nft.payload("ether", "saddr"), nft.one_of(sorted(owned)), "!="), DROP],
        [*_udp(67, 68), DROP],
        [*_udp(547, 546), DROP],
        [nft.match(_ICMPV6_TYPE, nft.one_of([_ROUTER_ADVERTISEMENT, _REDIRECT])), DROP],
        [
            nft.match(nft.payload("ip", "saddr"), _UNSET),
            nft.match(nft.payload("ip", "daddr"), "255.255.255.255"),
            *_udp(68, 67),
            mark,
            ACCEPT,
        ],
    ]
    for mac, cidrs in sorted(owned.items()):
        rules += _sending_as(mac, cidrs, mark)
    return rules


def _sending_as(mac: str, cidrs: Sequence[str], mark: Json) -> list[list[Json]]:
    is_mac = nft.match(nft.payload("ether", "saddr"), mac)
    v4 = [nft.network(cidr) for cidr in cidrs if ":" not in cidr]
    v6 = [nft.network(cidr) for cidr in cidrs if ":" in cidr]
    claims = nft.match(nft.payload("arp", "saddr ether"), mac)
    unset = nft.match(nft.payload("ip6", "saddr"), "::")
    rules = [
        [is_mac, claims, nft.match(nft.payload("arp", "saddr ip"), nft.one_of([_UNSET, *v4])), ACCEPT],
        [is_mac, unset, nft.match(_ICMPV6_TYPE, nft.one_of([133, 135, *_LISTENER_TYPES])), mark, ACCEPT],
    ]
    if v4:
        rules.append([is_mac, nft.match(nft.payload("ip", "saddr"), nft.one_of(v4)), mark, ACCEPT])
    target = {"payload": {"base": "th", "offset": 64, "len": 128}}
    single = [f"0x{int(ipaddress.IPv6Address(address)):032x}" for address in v6 if isinstance(address, str)]
    if single and len(single) == len(v6):
        # A neighbour advertisement names the address that it claims in its body, not in its header.
        rules.append([is_mac, nft.match(_ICMPV6_TYPE, 136), nft.match(target, nft.one_of(single), "!="), DROP])
    rules.append([is_mac, nft.match(nft.payload("ip6", "saddr"), nft.one_of(v6)), mark, ACCEPT])
    return rules


def _receiving(port: GuardedPort) -> list[list[Json]]:
    """What the bridge may hand to a guest: its own unicast, and broadcast or multicast that a rule allows."""
    heard = nft.one_of([_ROUTER_ADVERTISEMENT, *_NEIGHBOUR_TYPES, *_LISTENER_TYPES])
    return [
        [nft.match(nft.payload("ether", "daddr"), nft.one_of(sorted(_macs(port.wiring)))), ACCEPT],
        [nft.match(_IS_GROUP, "01:00:00:00:00:00", "!="), DROP],
        [nft.match(nft.meta("protocol"), "arp"), ACCEPT],
        [*_udp(67, 68), ACCEPT],
        [nft.match(_ICMPV6_TYPE, heard), ACCEPT],
        [nft.jump(f"allow-{port.tap}")],
    ]


def _macs(wiring: PortWiring) -> set[str]:
    return {wiring.mac.lower(), *(pair.mac_address.lower() for pair in wiring.allowed_pairs if pair.mac_address)}


def _owned_addresses(wiring: PortWiring) -> dict[str, list[str]]:
    """MAC -> the addresses and prefixes it may speak for; the link-local one of the MAC is always among them."""
    own = wiring.mac.lower()
    owned: dict[str, list[str]] = {mac: [link_local(mac)] for mac in _macs(wiring)}
    for fixed in wiring.fixed_ips:
        owned[own].append(fixed.ip_address)
    for pair in wiring.allowed_pairs:
        owned[(pair.mac_address or own).lower()].append(pair.ip_address)
    return {mac: _collapsed(cidrs) for mac, cidrs in owned.items()}


def link_local(mac: str) -> str:
    """The IPv6 link-local address of a MAC (RFC 4291, appendix A)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    interface = bytes([*octets[:3], 0xFF, 0xFE, *octets[3:]])
    return str(ipaddress.IPv6Address(bytes.fromhex("fe80000000000000") + interface))


def _collapsed(cidrs: Iterable[str]) -> list[str]:
    """The same addresses without overlaps, which nftables refuses in a set; a lone address without its length."""
    nets = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    four = ipaddress.collapse_addresses(net for net in nets if isinstance(net, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(net for net in nets if isinstance(net, ipaddress.IPv6Network))
    return [str(net).removesuffix("/32") for net in four] + [str(net).removesuffix("/128") for net in six]


def _allowances(rules: Sequence[FirewallRule], direction: str, verdict: Json) -> list[list[Json]]:
    return [
        [*matches, verdict]
        for rule in rules
        if rule.direction == direction and (matches := rule_matches(rule)) is not None
    ]


def rule_matches(rule: FirewallRule) -> list[Json] | None:
    """The conditions of one security group rule; None where it can match nothing (remote of the other IP version)."""
    version = 6 if rule.ethertype.lower() == "ipv6" else 4
    addresses = _remote(rule, version)
    if addresses is None:
        return None
    family = nft.match(nft.meta("protocol"), "ip6" if version == 6 else "ip")
    return [family, *addresses, *_protocol(rule, version)]


def _remote(rule: FirewallRule, version: int) -> list[Json] | None:
    if not rule.remote_cidrs:
        return []
    cidrs = _collapsed(cidr for cidr in rule.remote_cidrs if (":" in cidr) == (version == 6))
    if not cidrs:
        return None
    if cidrs in (["0.0.0.0/0"], ["::/0"]):
        return []
    field = "saddr" if rule.direction == "ingress" else "daddr"
    side = nft.payload("ip6" if version == 6 else "ip", field)
    return [nft.match(side, nft.one_of([nft.network(cidr) for cidr in cidrs]))]


def _protocol(rule: FirewallRule, version: int) -> list[Json]:
    number = protocol_number(rule.protocol, version)
    if number is None:
        return []
    matches = [nft.match(nft.meta("l4proto"), number)]
    if number in (1, 58):
        icmp = "icmp" if number == 1 else "icmpv6"
        typed = zip(("type", "code"), (rule.port_min, rule.port_max), strict=True)
        return matches + [nft.match(nft.payload(icmp, field), value) for field, value in typed if value >= 0]
    if rule.port_max > 0:
        low, high = max(rule.port_min, 0), rule.port_max
        span = low if low == high else {"range": [low, high]}
        matches.append(nft.match(nft.payload("th", "dport"), span))
    return matches
