"""Addresses under load: never one for two ports, never lost, never refused while one is free."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kilonova_neighbours.network.app.work import Work
from kilonova_neighbours.network.model.addresses import Span, address_of, key_of
from kilonova_neighbours.network.model.records import Actor
from kilonova_neighbours.network.store import allocations, networks, records, routers, security_groups
from kilonova_neighbours.network.store.kinds import NETWORK
from kilonova_neighbours.network.store.tables import address_allocations
from sqlalchemy import create_engine


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=3),
    st.lists(st.tuples(st.booleans(), st.integers(0, 10_000)), max_size=60),
)
def test_free_addresses_are_found_until_there_are_none(sizes: list[int], steps: list[tuple[bool, int]]) -> None:
    """Random taking and giving back against a plain set."""
    spans = [Span(1000 * at, 1000 * at + size - 1) for at, size in enumerate(sizes, start=1)]
    whole = {number for span in spans for number in range(span.first, span.last + 1)}
    engine = create_engine("sqlite://")
    address_allocations.create(engine)
    used: set[int] = set()
    with engine.begin() as tx:
        fill = sorted(whole)[: len(whole) * 9 // 10]
        allocations.allocate(tx, "port", [("s", key_of(number, 4), address_of(number, 4)) for number in fill])
        used.update(fill)
        for take, at in steps:
            if take:
                found = allocations.free_address(tx, "s", spans, 4)
                if found is None:
                    assert used == whole
                    continue
                number = next(number for number in whole if address_of(number, 4) == found)
                assert number not in used
                allocations.allocate(tx, "port", [("s", key_of(number, 4), found)])
                used.add(number)
            elif used:
                number = sorted(used)[at % len(used)]
                allocations.release(tx, "port", [("s", address_of(number, 4))])
                used.remove(number)
    engine.dispose()


async def test_a_burst_of_ports_shares_no_address_and_fills_the_pool_exactly(cloud: Any) -> None:
    await _burst(cloud)


async def _burst(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet(cidr="10.0.0.0/25")
    body = {"port": {"network_id": network}}
    replies = await asyncio.gather(*(cloud.ask("alice", "POST", "/ports", body) for _ in range(140)))
    made = [reply.json()["port"] for reply in replies if reply.status == 201]
    refused = [reply.json()["NeutronError"]["type"] for reply in replies if reply.status != 201]
    assert len({port["fixed_ips"][0]["ip_address"] for port in made}) == len(made) == 125
    assert refused == ["IpAddressGenerationFailure"] * 15


@pytest.mark.postgresql
async def test_two_controllers_on_one_database_share_no_address(two_clouds: Any) -> None:
    one, other = two_clouds
    network, _ = await one.network_with_subnet(cidr="10.0.0.0/26")
    body = {"port": {"network_id": network}}
    replies = await asyncio.gather(
        *(cloud.ask("alice", "POST", "/ports", body) for cloud in (one, other) for _ in range(40))
    )
    made = [reply.json()["port"] for reply in replies if reply.status == 201]
    refused = [reply.json()["NeutronError"]["type"] for reply in replies if reply.status != 201]
    assert len({port["fixed_ips"][0]["ip_address"] for port in made}) == len(made) == 61
    assert refused == ["IpAddressGenerationFailure"] * 19


@pytest.mark.postgresql
async def test_a_conversation_works_on_postgresql(two_clouds: Any) -> None:
    cloud, _ = two_clouds
    network, subnet = await cloud.network_with_subnet()
    await cloud.ask("alice", "PUT", f"/networks/{network}/tags", {"tags": ["a"]})
    query = {"tags": "a", "shared": "false", "sort_key": "name", "limit": 1}
    (found,) = (await cloud.get("alice", "/networks", **query))["networks"]
    assert (found["id"], found["subnets"]) == (network, [subnet["id"]])
    page = await cloud.get("alice", "/networks", marker=network, sort_key=["status", "name"], limit=1)
    assert page["networks"] == []
    (group,) = (await cloud.get("alice", "/security-groups"))["security_groups"]
    port = await cloud.make("alice", "port", network_id=network)
    assert port["security_groups"] == [group["id"]]
    await cloud.drop("alice", "port", port["id"])
    await cloud.drop("alice", "network", network)


@pytest.mark.postgresql
async def test_a_list_may_name_more_things_than_a_statement_takes_values(two_clouds: Any) -> None:
    cloud, _ = two_clouds
    network, subnet = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network)
    many = [network, *(str(number) for number in range(70_000))]
    groups = [port["security_groups"][0], *many]

    def look(work: Work) -> None:
        assert [found["id"] for found in records.find_by(work.tx, NETWORK, "id", many)] == [network]
        assert networks.subnets_of(work.tx, many)[network] == [subnet["id"]]
        assert networks.shared_with(work.tx, many, "red") == set()
        assert routers.gateways_of(work.tx, many) == {}
        assert security_groups.defaults_among(work.tx, groups) == {groups[0]}

    await cloud.app.read(Actor(project_id="red"), look)
