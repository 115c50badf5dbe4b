"""Server groups, checked where the claim is made: nobody is told later that it should not stand where it stands."""

import asyncio

import pytest
from kilonova_kit.errors import BadRequest, Conflict
from kilonova_kit.testing.postgresql import binaries, running_postgresql
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.requests import GroupWish


def wish(make, policy="anti-affinity", group="g", most=0, **more):
    return make.request(group=GroupWish(group_id=group, policy=policy, max_per_host=most), **more)


@pytest.fixture
async def three(placement, make):
    """A service with three hosts of eight VCPUs."""
    for number in range(3):
        await placement.client.put_provider(make.provider_id(number), make.report(f"h{number}"))
    return placement


async def _claim(placement, make, asked, *names):
    return await placement.client.claim(asked, [make.owner(name) for name in names], list(names))


async def test_members_stand_apart_until_one_leaves(three, make):
    claims = await _claim(three, make, wish(make), "a", "b")
    (third,) = await _claim(three, make, wish(make), "c")
    assert sorted(claim.host for claim in (*claims, third)) == ["h0", "h1", "h2"]
    assert third.group_id == "g"
    with pytest.raises(Refused, match="3 hosts are enabled but have a member of the group already"):
        await _claim(three, make, wish(make), "d")
    await three.client.release("b")
    (late,) = await _claim(three, make, wish(make), "d")
    assert late.host == claims[1].host
    assert (await three.app.prove()).wrong == ()


async def test_members_of_one_call_are_all_or_none(three, make):
    with pytest.raises(Refused, match="Only 3 of 4 fit"):
        await _claim(three, make, wish(make), "a", "b", "c", "d")
    assert [claim async for claim in three.client.claims()] == []
    assert len(await _claim(three, make, wish(make, most=2), *"abcdef")) == 6


async def test_members_stand_together_where_the_first_stands(three, make):
    (first,) = await _claim(three, make, wish(make, "affinity"), "a")
    claims = await _claim(three, make, wish(make, "affinity"), "b", "c")
    assert {claim.host for claim in claims} == {first.host}
    with pytest.raises(Refused, match="2 hosts are enabled but have no member of the group"):
        await _claim(three, make, wish(make, "affinity", vcpu=6), "d")


async def test_groups_do_not_know_one_another(three, make):
    claims = [(await _claim(three, make, wish(make, group=f"g{number}"), f"c{number}"))[0] for number in range(4)]
    assert len(claims) == 4


async def test_soft_policies_are_weighed(three, make):
    together = await _claim(three, make, wish(make, "soft-affinity", vcpu=4), "a", "b", "c")
    assert sorted([claim.host for claim in together].count(host) for host in ("h0", "h1", "h2")) == [0, 1, 2]
    found = await three.client.explain(wish(make, "soft-anti-affinity"))
    assert found.winner.weights["soft_anti_affinity"] == 0.0


async def test_each_member_needs_an_owner_of_its_own(three, make):
    with pytest.raises(BadRequest, match="an owner of its own"):
        await three.client.claim(wish(make), [make.owner("a")], ["c1", "c2"])


async def test_an_expired_member_is_none(three, make):
    await _claim(three, make, wish(make), "a", "b", "c")
    three.clock.now += 61
    await three.app.reap()
    assert len(await _claim(three, make, wish(make), "d", "e", "f")) == 3


async def test_a_group_is_remembered_over_a_restart_and_forgotten_in_the_end(database, make):
    async with make.running(database) as before:
        await before.client.put_provider(make.provider_id(1), make.report("h1"))
        await _claim(before, make, wish(make), "a")
        clock = before.clock
    async with make.running(database, clock) as after:
        with pytest.raises(Refused):
            await _claim(after, make, wish(make), "b")
        clock.now += 9999
        await after.app.reap()
        assert (await after.app.prove()).groups == 1
        clock.now += 9999
        await after.app.reap()
        proof = await after.app.prove()
        assert (proof.groups, proof.behind, proof.wrong) == (0, 1, ())
        assert (await _claim(after, make, wish(make), "c"))[0].host == "h1"
        assert (await after.app.prove()).behind == 0


async def test_a_wrong_picture_of_a_group_is_reported_and_mended(three, make):
    (claim,) = await _claim(three, make, wish(make), "a")
    three.app.ledger.index.groups.join("g", claim.host_id, "server:ghost")
    assert (await three.app.prove()).wrong == ("group:g",)
    assert (await three.app.prove()).wrong == ()


async def test_who_asks_again_gets_the_same_claim_although_the_group_is_full(three, make):
    first = await _claim(three, make, wish(make), "a", "b", "c")
    assert await _claim(three, make, wish(make), "a", "b", "c") == first


async def test_allocations_that_are_deleted_leave_the_group(three, make):
    consumer = "00000000-0000-0000-0000-0000000000aa"
    (claim,) = await three.client.claim(wish(make), [make.owner(consumer)], ["a"])
    await _claim(three, make, wish(make), "b", "c")
    assert (await three.http.request("DELETE", f"/allocations/{consumer}")).status == 204
    assert (await _claim(three, make, wish(make), "d"))[0].host == claim.host
    assert (await three.app.prove()).wrong == ()


@pytest.fixture(scope="module")
def server():
    if binaries() is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running_postgresql() as server:
        yield server


@pytest.mark.postgresql
@pytest.mark.parametrize(("policy", "most"), [("anti-affinity", 0), ("anti-affinity", 2), ("affinity", 0)])
async def test_two_racing_processes_hold_the_policy(server, make, policy, most):
    """Neither process hears of the other but by the database; every group is asked for by both at the same moment."""
    url = server.new_database()
    async with make.running(url, seed=1) as one, make.running(url, seed=2) as two:
        for number in range(4):
            await one.client.put_provider(make.provider_id(number), make.report(f"h{number}", vcpu=60, ram=99999))
        await two.app.ledger.follow()

        async def ask(placement, name, group):
            try:
                return await _claim(placement, make, wish(make, policy, group, most), name)
            except Refused:
                return ()

        asks = [
            ask(app, f"{group}-{name}{number}", f"g{group}")
            for group in range(10)
            for number in range(5)
            for name, app in (("a", one), ("b", two))
        ]
        held = [claim for claims in await asyncio.gather(*asks) for claim in claims]
        for group in range(10):
            hosts = [claim.host for claim in held if claim.group_id == f"g{group}"]
            if policy == "affinity":
                assert len(hosts) == 10
                assert len(set(hosts)) == 1
            else:
                assert sorted(hosts) == sorted(["h0", "h1", "h2", "h3"] * max(1, most))
        for app in (one.app, two.app):
            assert (await app.prove()).wrong == ()


@pytest.mark.postgresql
async def test_what_leaves_a_group_in_one_process_makes_room_in_the_other(server, make):
    url = server.new_database()
    async with make.running(url, seed=1) as one, make.running(url, seed=2) as two:
        await one.client.put_provider(make.provider_id(1), make.report("h1"))
        await two.app.ledger.follow()
        await _claim(one, make, wish(make), "a")
        with pytest.raises(Refused):
            await _claim(two, make, wish(make), "b")
        await one.client.release("a")
        assert (await _claim(two, make, wish(make), "b"))[0].host == "h1"
        with pytest.raises(Conflict):
            await _claim(one, make, wish(make), "a")  # the id was used up
        with pytest.raises(Refused):
            await _claim(one, make, wish(make), "c")
