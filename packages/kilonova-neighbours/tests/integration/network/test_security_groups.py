from __future__ import annotations

from typing import Any

import pytest


async def test_every_project_finds_its_default_group_with_four_rules(cloud: Any) -> None:
    (group,) = (await cloud.get("alice", "/security-groups"))["security_groups"]
    assert (group["name"], group["description"], group["stateful"]) == ("default", "Default security group", True)
    rules = {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in group["security_group_rules"]}
    assert rules == {
        ("egress", "IPv4", None),
        ("egress", "IPv6", None),
        ("ingress", "IPv4", group["id"]),
        ("ingress", "IPv6", group["id"]),
    }
    assert (await cloud.get("alice", "/security-groups"))["security_groups"] == [group]
    (other,) = (await cloud.get("bob", "/security-groups"))["security_groups"]
    assert other["id"] != group["id"]
    assert all(
        rule["belongs_to_default_sg"]
        for rule in (await cloud.get("bob", "/security-group-rules"))["security_group_rules"]
    )


async def test_the_default_group_keeps_its_name_and_stays(cloud: Any) -> None:
    (group,) = (await cloud.get("alice", "/security-groups"))["security_groups"]
    path = f"/security-groups/{group['id']}"
    renamed = {"security_group": {"name": "x"}}
    assert (await cloud.refusal("alice", "PUT", path, renamed))[:2] == (409, "SecurityGroupCannotUpdateDefault")
    assert (await cloud.refusal("alice", "DELETE", path))[:2] == (409, "SecurityGroupCannotRemoveDefault")
    named = {"security_group": {"name": "default"}}
    refused = await cloud.refusal("alice", "POST", "/security-groups", named)
    assert refused[:2] == (409, "SecurityGroupDefaultAlreadyExists")


async def test_a_default_group_that_an_admin_removed_comes_back(cloud: Any) -> None:
    (group,) = (await cloud.get("alice", "/security-groups"))["security_groups"]
    await cloud.drop("admin", "security_group", group["id"])
    (again,) = (await cloud.get("alice", "/security-groups"))["security_groups"]
    assert (again["name"], len(again["security_group_rules"])) == ("default", 4)


async def test_a_group_in_use_stays(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    group = await cloud.make("alice", "security_group", name="web")
    port = await cloud.make("alice", "port", network_id=network, security_groups=[group["id"]])
    path = f"/security-groups/{group['id']}"
    refused = await cloud.refusal("alice", "DELETE", path)
    assert refused == (409, "SecurityGroupInUse", f"Security Group {group['id']} in use.")
    stateless = {"security_group": {"stateful": False}}
    assert (await cloud.refusal("alice", "PUT", path, stateless))[:2] == (409, "SecurityGroupInUse")
    await cloud.change("alice", "port", port["id"], security_groups=[])
    await cloud.drop("alice", "security_group", group["id"])
    assert await cloud.refusal("alice", "GET", path) == (
        404,
        "SecurityGroupNotFound",
        f"Security group {group['id']} does not exist",
    )


async def test_a_rule_is_made_once_and_shown_in_its_group(cloud: Any) -> None:
    group = await cloud.make("alice", "security_group", name="web")
    body = {
        "security_group_id": group["id"],
        "direction": "ingress",
        "protocol": "tcp",
        "port_range_min": 22,
        "port_range_max": "22",
        "remote_ip_prefix": "10.0.0.7/24",
    }
    rule = await cloud.make("alice", "security_group_rule", **body)
    assert (rule["port_range_max"], rule["normalized_cidr"], rule["ethertype"]) == (22, "10.0.0.0/24", "IPv4")
    refused = await cloud.refusal("alice", "POST", "/security-group-rules", {"security_group_rule": body})
    assert refused == (
        409,
        "SecurityGroupRuleExists",
        f"Security group rule already exists. Rule id is {rule['id']}.",
    )
    shown = (await cloud.get("alice", f"/security-groups/{group['id']}"))["security_group"]
    assert rule["id"] in [found["id"] for found in shown["security_group_rules"]]
    assert shown["revision_number"] == 2
    listed = await cloud.get("alice", "/security-group-rules", security_group_id=group["id"], direction="ingress")
    assert [found["id"] for found in listed["security_group_rules"]] == [rule["id"]]
    await cloud.drop("alice", "security_group_rule", rule["id"])
    assert (await cloud.refusal("alice", "GET", f"/security-group-rules/{rule['id']}"))[:2] == (
        404,
        "SecurityGroupRuleNotFound",
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"protocol": "nonsense"}, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "256"}, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "tcp", "port_range_min": 9, "port_range_max": 8}, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 9}, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 0, "port_range_max": 8}, "SecurityGroupInvalidPortValue"),
        ({"protocol": "udp", "port_range_min": 1, "port_range_max": 65536}, "SecurityGroupInvalidPortValue"),
        ({"port_range_min": 1, "port_range_max": 2}, "SecurityGroupProtocolRequiredWithPorts"),
        ({"protocol": "gre", "port_range_min": 1, "port_range_max": 2}, "SecurityGroupInvalidProtocolForPort"),
        ({"protocol": "icmp", "port_range_min": 300}, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "icmp", "port_range_max": 3}, "SecurityGroupMissingIcmpType"),
        ({"ethertype": "ARP"}, "SecurityGroupRuleInvalidEtherType"),
        ({"ethertype": "IPv6", "remote_ip_prefix": "10.0.0.0/8"}, "SecurityGroupRuleParameterConflict"),
        ({"protocol": "ipv6-icmp", "ethertype": "IPv4"}, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"remote_ip_prefix": "bad_prefix"}, "InvalidCIDR"),
        ({"direction": "sideways"}, "HTTPBadRequest"),
    ],
)
async def test_what_is_no_rule_is_refused(cloud: Any, body: dict[str, Any], kind: str) -> None:
    group = await cloud.make("alice", "security_group", name="web")
    full = {"security_group_id": group["id"], "direction": "ingress", **body}
    refused = await cloud.refusal("alice", "POST", "/security-group-rules", {"security_group_rule": full})
    assert refused[:2] == (400, kind)


async def test_a_rule_has_one_remote_and_a_group_that_is_ones_own(cloud: Any) -> None:
    group = await cloud.make("alice", "security_group", name="web")
    other = await cloud.make("bob", "security_group", name="theirs")
    both = {"remote_group_id": group["id"], "remote_ip_prefix": "10.0.0.0/8"}
    for body, expected in (
        (both, (400, "SecurityGroupRemoteGroupAndRemoteIpPrefix")),
        ({"remote_group_id": other["id"]}, (404, "SecurityGroupNotFound")),
        ({"security_group_id": other["id"]}, (404, "SecurityGroupNotFound")),
    ):
        full = {"security_group_rule": {"security_group_id": group["id"], "direction": "egress", **body}}
        assert (await cloud.refusal("alice", "POST", "/security-group-rules", full))[:2] == expected


async def test_rules_of_one_group_are_made_together(cloud: Any) -> None:
    group = await cloud.make("alice", "security_group", name="web")
    other = await cloud.make("alice", "security_group", name="db")
    rules = [
        {
            "security_group_id": group["id"],
            "direction": "ingress",
            "protocol": "tcp",
            "port_range_min": p,
            "port_range_max": p,
        }
        for p in (80, 443)
    ]
    reply = await cloud.ask("alice", "POST", "/security-group-rules", {"security_group_rules": rules})
    assert (reply.status, len(reply.json()["security_group_rules"])) == (201, 2)
    rules = [{"security_group_id": g["id"], "direction": "egress", "protocol": "udp"} for g in (group, other)]
    refused = await cloud.refusal("alice", "POST", "/security-group-rules", {"security_group_rules": rules})
    assert refused[:2] == (400, "SecurityGroupNotSingleGroupRules")
