"""A consumer's generation never says again what it said before: who knows an old one replaces nothing."""

import pytest

_CONSUMER = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
async def moving(placement, make):
    """An owner with a bound place on one host, and a held one on the other."""
    for number in (1, 2):
        await placement.client.put_provider(make.provider_id(number), make.report(f"h{number}"))
    await placement.client.claim(make.request(), [make.owner(_CONSUMER)], ["old"])
    await placement.client.bind("old")
    before = await _generation(placement)
    new = await placement.client.move(make.request(), "old", "new", elsewhere=True)
    return before, new


async def _generation(placement):
    headers = {"OpenStack-API-Version": "placement 1.39"}
    reply = await placement.http.request("GET", f"/allocations/{_CONSUMER}", headers=headers)
    return reply.json()["consumer_generation"]


async def _replace(placement, host_id, generation):
    body = {
        "allocations": {host_id: {"resources": {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1}}},
        "project_id": "p1",
        "user_id": "u1",
        "consumer_generation": generation,
        "consumer_type": "INSTANCE",
    }
    headers = {"OpenStack-API-Version": "placement 1.39"}
    return (await placement.http.request("PUT", f"/allocations/{_CONSUMER}", json=body, headers=headers)).status


async def test_what_an_owner_lets_go_counts_on(placement, moving, make):
    _, new = moving
    kept = next(number for number in (1, 2) if make.provider_id(number) != new.host_id)
    generation = await _generation(placement)
    assert await _replace(placement, make.provider_id(kept), generation) == 204
    assert await _generation(placement) > generation
    assert await _replace(placement, make.provider_id(kept), generation) == 409


async def test_after_a_move_the_generation_is_a_new_one(placement, moving):
    before, new = moving
    during = await _generation(placement)
    assert during > before
    await placement.client.confirm_move("new")
    assert await _generation(placement) > during
    assert await _replace(placement, new.host_id, before) == 409
    generation = await _generation(placement)
    await placement.client.confirm_move("new")
    assert await _generation(placement) == generation
