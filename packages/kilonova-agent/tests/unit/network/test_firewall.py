"""Wiring in, nftables' JSON out: each rule of a table says what one wish becomes."""

import json

import pytest
from kilonova_agent.network import firewall, names
from kilonova_agent.network.connections import revoked
from kilonova_messages.wishes import AddressPair, FirewallRule, FixedIp, PortWiring

MAC = "fa:16:3e:00:00:01"


def wiring(**more):
    wish = {
        "port_id": "p1",
        "network_id": "n1",
        "mac": MAC,
        "fixed_ips": (FixedIp(subnet_id="s", ip_address="10.0.0.5"),),
    }
    return PortWiring(**{**wish, **more})


def guarded(**more):
    return firewall.GuardedPort(wiring(**more), 7)


def match(left, right, op="=="):
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol, field):
    return {"payload": {"protocol": protocol, "field": field}}


IPV4, IPV6 = match({"meta": {"key": "protocol"}}, "ip"), match({"meta": {"key": "protocol"}}, "ip6")


def carries(number):
    return match({"meta": {"key": "l4proto"}}, number)


RULES = [
    ("anything of IPv4", {}, [IPV4]),
    ("anything of IPv6", {"ethertype": "IPv6"}, [IPV6]),
    ("a protocol without ports", {"protocol": "tcp"}, [IPV4, carries(6)]),
    ("no ports written as zeros", {"protocol": "tcp", "port_min": 0, "port_max": 0}, [IPV4, carries(6)]),
    (
        "one port",
        {"protocol": "tcp", "port_min": 22, "port_max": 22},
        [IPV4, carries(6), match(payload("th", "dport"), 22)],
    ),
    (
        "a range of ports",
        {"protocol": "udp", "port_min": 1, "port_max": 65535},
        [IPV4, carries(17), match(payload("th", "dport"), {"range": [1, 65535]})],
    ),
    ("a protocol by number", {"protocol": "47"}, [IPV4, carries(47)]),
    (
        "an ICMP type and code",
        {"protocol": "icmp", "port_min": 8, "port_max": 0},
        [IPV4, carries(1), match(payload("icmp", "type"), 8), match(payload("icmp", "code"), 0)],
    ),
    (
        "an ICMP type with any code",
        {"protocol": "icmp", "port_min": 8},
        [IPV4, carries(1), match(payload("icmp", "type"), 8)],
    ),
    ("ICMP in an IPv6 rule is ICMPv6", {"protocol": "icmp", "ethertype": "IPv6"}, [IPV6, carries(58)]),
    (
        "one remote network",
        {"remote_cidrs": ("10.1.0.0/16",)},
        [IPV4, match(payload("ip", "saddr"), {"prefix": {"addr": "10.1.0.0", "len": 16}})],
    ),
    (
        "remote addresses that overlap become one",
        {"remote_cidrs": ("10.1.0.0/16", "10.1.2.3/32")},
        [IPV4, match(payload("ip", "saddr"), {"prefix": {"addr": "10.1.0.0", "len": 16}})],
    ),
    (
        "several remote addresses",
        {"remote_cidrs": ("10.1.2.3", "10.3.2.1/32")},
        [IPV4, match(payload("ip", "saddr"), {"set": ["10.1.2.3", "10.3.2.1"]})],
    ),
    (
        "where a guest may go",
        {"direction": "egress", "remote_cidrs": ("10.1.2.3/32",)},
        [IPV4, match(payload("ip", "daddr"), "10.1.2.3")],
    ),
    ("everywhere", {"remote_cidrs": ("0.0.0.0/0",)}, [IPV4]),
    ("a remote of the other version matches nothing", {"remote_cidrs": ("fd00::/8",)}, None),
]


@pytest.mark.parametrize(("wish", "expected"), [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_a_security_group_rule_becomes(wish, expected):
    assert firewall.rule_matches(FirewallRule(**{"direction": "ingress", **wish})) == expected


def test_an_unknown_protocol_is_an_error():
    with pytest.raises(ValueError, match="tpc"):
        firewall.rule_matches(FirewallRule(direction="ingress", protocol="tpc"))


def chains(commands):
    found = {}
    for command in commands:
        for kind, body in command.get("add", {}).items():
            if kind == "rule":
                found.setdefault((body["family"], body["chain"]), []).append(body["expr"])
            elif kind == "chain":
                found.setdefault((body["family"], body["name"]), [])
    return found


def test_every_change_replaces_both_tables_in_one_transaction():
    commands = firewall.hub_rules([guarded()])
    heads = [
        (next(iter(command)), command[next(iter(command))]["table"]["family"])
        for command in commands
        if "table" in command[next(iter(command))]
    ]
    assert heads == [(verb, family) for family in ("netdev", "inet") for verb in ("add", "delete", "add")]


def test_without_ports_the_tables_are_empty():
    assert chains(firewall.hub_rules([])) == {}


def test_an_unrestricted_port_has_no_chain():
    assert chains(firewall.hub_rules([guarded(unrestricted=True)])) == {}


def test_what_no_ingress_rule_allows_is_dropped():
    tap = names.tap("p1")
    found = chains(firewall.hub_rules([guarded(rules=(FirewallRule(direction="egress"),))]))
    assert found["inet", f"reach-{tap}"][1:] == [[{"drop": None}]]
    assert found["inet", f"leave-{tap}"][1:] == [[IPV4, {"return": None}], [{"drop": None}]]
    assert found["netdev", f"allow-{tap}"] == []


def test_a_guest_sends_only_from_its_own_addresses():
    tap = names.tap("p1")
    pair = AddressPair(ip_address="10.9.0.0/24", mac_address="00:00:5E:00:01:01")
    sending = chains(firewall.hub_rules([guarded(allowed_pairs=(pair,))]))["netdev", f"from-{tap}"]
    assert sending[0] == [match(payload("ether", "saddr"), {"set": ["00:00:5e:00:01:01", MAC]}, "!="), {"drop": None}]
    mark = {"mangle": {"key": {"meta": {"key": "mark"}}, "value": names.packet_mark("p1")}}
    accepted = [
        rule for rule in sending if rule[-1] == {"accept": None} and rule[0] == match(payload("ether", "saddr"), MAC)
    ]
    assert [
        match(payload("ether", "saddr"), MAC),
        match(payload("ip", "saddr"), "10.0.0.5"),
        mark,
        {"accept": None},
    ] in accepted
    assert "10.9.0.0" not in json.dumps(accepted)


def test_a_port_without_addresses_may_only_ask_for_one():
    sending = chains(firewall.hub_rules([guarded(fixed_ips=())]))["netdev", f"from-{names.tap('p1')}"]
    sources = [
        rule[1]["match"]["right"]
        for rule in sending
        if rule[1:2] and rule[1].get("match", {}).get("left", {}).get("payload", {}).get("protocol") == "ip"
    ]
    assert sources == ["255.255.255.255"]


def test_networks_with_the_same_addresses_have_different_zones():
    ports = [guarded(), firewall.GuardedPort(wiring(port_id="p2", network_id="n2"), 8)]
    zones = chains(firewall.hub_rules(ports))["inet", "zones"][0][-1]["mangle"]["value"]["map"]["data"]["set"]
    assert sorted(zones) == sorted([[names.bridge("n1"), 7], [names.bridge("n2"), 8]])


def test_two_ports_that_share_a_mac_do_not_make_a_map_that_nftables_refuses():
    shared = AddressPair(ip_address="10.0.0.100", mac_address="00:00:5e:00:01:01")
    ports = [
        guarded(allowed_pairs=(shared,)),
        firewall.GuardedPort(wiring(port_id="p2", mac="fa:16:3e:00:00:02", allowed_pairs=(shared,)), 7),
    ]
    reach = chains(firewall.hub_rules(ports))["inet", "forward"][-1][0]["vmap"]["data"]["set"]
    keys = [tuple(key["concat"]) for key, _ in reach]
    assert len(keys) == len(set(keys)) == 3


def test_the_link_local_address_of_a_mac_is_its_modified_eui_64():
    assert firewall.link_local(MAC) == "fe80::f816:3eff:fe00:1"


def test_a_connection_carries_both_its_ports_in_its_mark():
    found = chains(firewall.hub_rules([guarded()]))
    half, tap = names.connection_half("p1"), names.tap("p1")
    mark = {"ct": {"key": "mark"}}
    for chain, keep, bits in (("leave", 0xFFFF, half << 16), ("reach", 0xFFFF0000, half)):
        written = {"mangle": {"key": mark, "value": {"|": [{"&": [mark, keep]}, bits]}}}
        assert found["inet", f"{chain}-{tap}"][0] == [written]


def test_only_a_port_that_may_less_than_before_loses_its_connections():
    rules = (FirewallRule(direction="ingress"), FirewallRule(direction="egress"))
    before = [guarded(rules=rules)]
    assert revoked(before, [guarded(rules=rules[::-1])]) == []
    assert revoked([guarded(rules=rules[:1])], before) == []
    assert revoked(before, [guarded(rules=rules[:1])]) == ["p1"]
    assert revoked(before, [guarded(rules=rules, fixed_ips=())]) == ["p1"]
    assert revoked(before, []) == ["p1"]
