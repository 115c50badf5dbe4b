"""What no client should send: refused in words, or taken as it can be meant, and nothing is broken by it afterwards."""

import pytest

_CONSUMER = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def ask(placement):
    async def call(method, path, body=None, version="1.39"):
        headers = {"OpenStack-API-Version": f"placement {version}"}
        return await placement.http.request(method, path, json=body, headers=headers)

    return call


@pytest.fixture
async def path(ask, make):
    """A provider's path."""
    assert (await ask("POST", "/resource_providers", {"name": "rp", "uuid": make.provider_id(1)})).status == 200
    return f"/resource_providers/{make.provider_id(1)}"


async def test_a_ratio_of_nothing_is_kept_and_read_again(ask, path, make, database, placement):
    inventories = {"VCPU": {"total": 8, "allocation_ratio": 0}}
    body = {"inventories": inventories, "resource_provider_generation": 0}
    assert (await ask("PUT", f"{path}/inventories", body)).status == 200
    assert (await ask("GET", f"{path}/inventories")).json()["inventories"]["VCPU"]["allocation_ratio"] == 0
    assert (await ask("GET", "/allocation_candidates?resources=VCPU:1")).json()["allocation_requests"] == []
    async with make.running(database) as again:
        assert [use.provider.name for use in await again.client.providers()] == ["rp"]


async def test_a_ratio_below_nothing_is_refused(ask, path):
    inventories = {"VCPU": {"total": 1, "reserved": 2, "allocation_ratio": -1}}
    body = {"inventories": inventories, "resource_provider_generation": 0}
    assert (await ask("PUT", f"{path}/inventories", body)).status == 400
    assert (await ask("GET", path)).json()["generation"] == 0


@pytest.mark.parametrize("total", ["x", None, [1], {}])
async def test_an_inventory_of_a_class_that_cannot_be_is_refused_unread(ask, path, total):
    body = {"inventories": {"no class": {"total": total}}, "resource_provider_generation": 0}
    reply = await ask("PUT", f"{path}/inventories", body)
    assert (reply.status, "No such resource class no class" in reply.message()) == (400, True)


@pytest.mark.parametrize("query", [f"limit={'9' * 5000}", "limit=1&limit=2", "limit=x&limit=2"])
async def test_any_limit_of_candidates_is_understood_or_refused(ask, path, query):
    assert (await ask("GET", f"/allocation_candidates?resources=VCPU:1&{query}")).status == 200


async def test_a_limit_that_is_none_is_refused(ask, path):
    assert (await ask("GET", "/allocation_candidates?resources=VCPU:1&limit=2&limit=x")).status == 400


async def test_of_two_group_policies_the_one_that_was_checked_counts(ask, path):
    body = {"inventories": {"VCPU": {"total": 8}}, "resource_provider_generation": 0}
    assert (await ask("PUT", f"{path}/inventories", body)).status == 200
    both = "/allocation_candidates?resources1=VCPU:1&resources2=VCPU:1&group_policy=nonsense"
    assert len((await ask("GET", f"{both}&group_policy=none")).json()["allocation_requests"]) == 1
    assert (await ask("GET", f"{both}&group_policy=isolate")).json()["allocation_requests"] == []


@pytest.mark.parametrize("amount", ["9" * 30, "9" * 5000])
async def test_nobody_has_so_much(ask, path, amount):
    body = {"inventories": {"VCPU": {"total": 8}}, "resource_provider_generation": 0}
    assert (await ask("PUT", f"{path}/inventories", body)).status == 200
    for query in ("/allocation_candidates?resources=VCPU:", "/resource_providers?resources=VCPU:"):
        reply = await ask("GET", query + amount)
        assert reply.status in (200, 400)
        assert b"rp" not in reply.body


async def test_a_body_that_is_nested_too_deeply_is_refused(placement):
    headers = {"OpenStack-API-Version": "placement 1.39", "Content-Type": "application/json", "X-Auth-Token": "service"}
    deep = b"[" * 100_000
    for method, path in (("POST", "/resource_providers"), ("PUT", f"/allocations/{_CONSUMER}")):
        assert (await placement.http._transport.send(method, path, headers, deep)).status == 400


async def test_aggregates_that_are_given_twice_are_found_among_many(ask, path, make):
    many = [make.provider_id(number) for number in range(20_000)]
    body = {"aggregates": [*many, many[-1]], "resource_provider_generation": 0}
    assert (await ask("PUT", f"{path}/aggregates", body)).status == 400
