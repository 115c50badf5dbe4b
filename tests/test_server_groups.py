"""Servers that must be apart, or together, when many are asked for at the same moment; owners who learn no names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cloud.client import Server
from cloud.simulated import SimulatedCloud

_AT_ONCE = 8


@pytest.fixture
def make_group(cloud: SimulatedCloud) -> Iterator[Callable[..., str]]:
    """Groups of the demo project; their members and they themselves are gone afterwards."""
    made: list[str] = []

    def make(policy: str, **rules: Any) -> str:
        body = {"server_group": {"name": policy, "policy": policy, **({"rules": rules} if rules else {})}}
        made.append(cloud.demo.ask("POST", "/compute/v2.1/os-server-groups", json=body)["server_group"]["id"])
        return made[-1]

    yield make
    for group in made:
        cloud.demo.delete_and_wait(*members(cloud, group))
        assert members(cloud, group) == []
        cloud.demo.ask("DELETE", f"/compute/v2.1/os-server-groups/{group}")


def members(cloud: SimulatedCloud, group: str) -> list[str]:
    found = cloud.demo.get(f"/compute/v2.1/os-server-groups/{group}")["server_group"]["members"]
    return [str(one) for one in found]


def create_in(cloud: SimulatedCloud, group: str, name: str) -> str:
    """Ask for a member; its id."""
    body = {**cloud.demo.server_body(name), "os:scheduler_hints": {"group": group}}
    return str(cloud.demo.ask("POST", "/compute/v2.1/servers", json=body)["server"]["id"])


def create_at_once(cloud: SimulatedCloud, group: str) -> list[Server]:
    """So many at the same moment, each as it ended."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ids = list(pool.map(lambda number: create_in(cloud, group, f"member-{number}"), range(_AT_ONCE)))
    shown = [cloud.demo.show(one) for one in ids]
    return [one if one.status == "ERROR" else cloud.demo.wait_for(one, "ACTIVE") for one in shown]


def hosts_of(cloud: SimulatedCloud, servers: list[Server]) -> list[str]:
    return [cloud.admin.show(one).host for one in servers if one.status == "ACTIVE"]


def test_no_host_gets_two_that_must_be_apart(cloud: SimulatedCloud, make_group: Callable[..., str]) -> None:
    group = make_group("anti-affinity")
    servers = create_at_once(cloud, group)
    assert sorted(hosts_of(cloud, servers)) == sorted(cloud.host_names)
    failed = [one for one in servers if one.status == "ERROR"]
    assert len(failed) == _AT_ONCE - len(cloud.host_names)
    assert all("group" in one.reason for one in failed)
    assert not any(name in one.reason for one in failed for name in cloud.host_names)
    assert sorted(members(cloud, group)) == sorted(one.id for one in servers)


def test_a_rule_lets_a_host_have_more(cloud: SimulatedCloud, make_group: Callable[..., str]) -> None:
    servers = create_at_once(cloud, make_group("anti-affinity", max_server_per_host=2))
    assert sorted(hosts_of(cloud, servers)) == sorted([*cloud.host_names, *cloud.host_names])


def test_all_that_must_be_together_are_on_one_host(cloud: SimulatedCloud, make_group: Callable[..., str]) -> None:
    hosts = hosts_of(cloud, create_at_once(cloud, make_group("affinity")))
    assert (len(hosts), len(set(hosts))) == (_AT_ONCE, 1)


def test_those_that_should_be_apart_are_spread_and_none_is_refused(
    cloud: SimulatedCloud, make_group: Callable[..., str]
) -> None:
    hosts = hosts_of(cloud, create_at_once(cloud, make_group("soft-anti-affinity")))
    assert (len(hosts), set(hosts)) == (_AT_ONCE, set(cloud.host_names))
