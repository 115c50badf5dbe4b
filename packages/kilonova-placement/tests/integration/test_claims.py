import asyncio

import pytest
from kilonova_kit.errors import BadRequest, Conflict, NotFound
from kilonova_placement.model.claims import ClaimState
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.providers import Inventory, ProviderChange, ProviderReport
from kilonova_placement.model.requests import DeviceWish, GroupWish, Place, Request


async def test_a_claim_is_held_bound_and_released(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1", cell="cell1"))
    (held,) = await placement.client.claim(make.request(), [make.owner("a")], ["c1"])
    assert (held.state, held.host, held.cell, held.expires_at) == ("held", "h1", "cell1", placement.clock.now + 60)
    assert held.providers[0].amounts == {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1}
    bound = await placement.client.bind("c1")
    assert (bound.state, bound.expires_at, bound.generation) == (ClaimState.BOUND, None, 2)
    use = await placement.client.get_provider(make.provider_id(1))
    assert use.used == {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1}
    await placement.client.release("c1")
    assert (await placement.client.get_provider(make.provider_id(1))).used == {}
    assert (await placement.client.get("c1")).state == ClaimState.RELEASED


async def test_every_call_may_be_repeated(placement, make):
    report = make.report("h1", traits=("HW_CPU_X86_AVX2",))
    first = await placement.client.put_provider(make.provider_id(1), report)
    assert await placement.client.put_provider(make.provider_id(1), report) == first
    change = ProviderChange(zone="z", disabled="")
    changed = await placement.client.change_provider(make.provider_id(1), change)
    assert await placement.client.change_provider(make.provider_id(1), change) == changed
    claims = await placement.client.claim(make.request(), [make.owner("a")], ["c1", "c2"])
    assert await placement.client.claim(make.request(), [make.owner("a")], ["c1", "c2"]) == claims
    assert (await placement.client.get_provider(make.provider_id(1))).used["VCPU"] == 2
    assert await placement.client.bind("c1") == await placement.client.bind("c1")
    assert (await placement.client.renew("c1")).state == ClaimState.BOUND
    for _ in range(2):
        await placement.client.release("c1")
        await placement.client.release("never-was")
    await placement.client.release("c2")
    for _ in range(2):
        await placement.client.delete_provider(make.provider_id(1))


async def test_the_same_question_twice_at_the_same_moment_makes_one_claim(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    ask = [placement.client.claim(make.request(), [make.owner("a")], ["c1"]) for _ in range(8)]
    answers = await asyncio.gather(*ask)
    assert all(answer == answers[0] for answer in answers)
    assert (await placement.client.get_provider(make.provider_id(1))).used["VCPU"] == 1


async def test_a_repeated_question_is_answered_although_there_is_no_room_now(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1", vcpu=1))
    first = await placement.client.claim(make.request(), [make.owner("a")], ["c1"])
    assert await placement.client.claim(make.request(), [make.owner("a")], ["c1"]) == first


async def test_an_id_of_another_owner_is_refused(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    await placement.client.claim(make.request(), [make.owner("a")], ["c1"])
    with pytest.raises(Conflict, match="in use") as caught:
        await placement.client.claim(make.request(), [make.owner("b")], ["c1"])
    assert caught.value.kind == "placement.claim_id_in_use"


async def test_a_released_id_is_not_used_again(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    await placement.client.claim(make.request(), [make.owner("a")], ["c1"])
    await placement.client.release("c1")
    with pytest.raises(Conflict, match="released") as caught:
        await placement.client.claim(make.request(), [make.owner("a")], ["c1"])
    assert caught.value.kind == "placement.claim_released"
    with pytest.raises(Conflict, match="claim anew"):
        await placement.client.bind("c1")


async def test_many_alike_are_all_or_none(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1", vcpu=2))
    await placement.client.put_provider(make.provider_id(2), make.report("h2", vcpu=1))
    owners = [make.owner(str(number)) for number in range(4)]
    with pytest.raises(Refused, match="Only 3 of 4 fit"):
        await placement.client.claim(make.request(), owners, ["a", "b", "c", "d"])
    assert [claim async for claim in placement.client.claims()] == []
    claims = await placement.client.claim(make.request(), owners[:3], ["a", "b", "c"])
    assert [claim.owner.name for claim in claims] == ["server:0", "server:1", "server:2"]
    assert sorted(claim.host for claim in claims) == ["h1", "h1", "h2"]


async def test_claims_are_listed_by_owner_and_page_by_page(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1", vcpu=20, ram=99999))
    for number in range(6):
        await placement.client.claim(make.request(), [make.owner(f"o{number % 2}")], [f"c{number}"])
    assert [claim.claim_id async for claim in placement.client.claims("server:o1")] == ["c1", "c3", "c5"]
    page = (await placement.http.request("GET", "/native/v1/claims?limit=4")).json()
    assert ([claim["claim_id"] for claim in page["claims"]], page["next_marker"]) == (["c0", "c1", "c2", "c3"], "c3")
    rest = (await placement.http.request("GET", "/native/v1/claims?limit=4&marker=c3")).json()
    assert ([claim["claim_id"] for claim in rest["claims"]], rest["next_marker"]) == (["c4", "c5"], "")


async def test_usage_is_the_sum_of_a_projects_live_claims(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    await placement.client.claim(make.request(vcpu=2), [make.owner("a", "p1")], ["c1"])
    await placement.client.claim(make.request(vcpu=3), [make.owner("b", "p2")], ["c2"])
    await placement.client.claim(make.request(vcpu=1), [make.owner("c", "p1")], ["c3"])
    assert await placement.client.usage("p1") == {"VCPU": 3, "MEMORY_MB": 1024, "DISK_GB": 2}
    await placement.client.release("c1")
    assert (await placement.client.usage("p1", "u1"))["VCPU"] == 1
    assert await placement.client.usage("p1", "another") == {}


async def test_a_held_claim_expires_and_a_bound_or_renewed_one_does_not(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    for name in ("left", "bound", "renewed"):
        await placement.client.claim(make.request(), [make.owner(name)], [name])
    await placement.client.bind("bound")
    placement.clock.now += 59
    assert await placement.app.reap() == 0
    await placement.client.renew("renewed")
    placement.clock.now += 2
    assert await placement.app.reap() == 1
    assert [claim.claim_id async for claim in placement.client.claims()] == ["bound", "renewed"]
    with pytest.raises(Conflict, match="expired"):
        await placement.client.bind("left")
    assert (await placement.client.get_provider(make.provider_id(1))).used["VCPU"] == 2


async def test_released_claims_are_forgotten_after_a_while(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    await placement.client.claim(make.request(), [make.owner("a")], ["c1"])
    await placement.client.release("c1")
    placement.clock.now += 3601
    await placement.app.reap()
    with pytest.raises(NotFound):
        await placement.client.get("c1")
    with pytest.raises(NotFound):
        await placement.client.bind("c1")


async def test_a_restart_finds_everything_again(database, make):
    async with make.running(database) as before:
        await before.client.put_provider(make.provider_id(1), make.report("h1", vcpu=2))
        held = await before.client.claim(make.request(), [make.owner("a")], ["c1"])
    async with make.running(database) as after:
        assert await after.client.claim(make.request(), [make.owner("a")], ["c1"]) == held
        await after.client.claim(make.request(), [make.owner("a")], ["c2"])
        with pytest.raises(Refused):
            await after.client.claim(make.request(), [make.owner("a")], ["c3"])


async def test_disabled_and_down_hosts_take_no_new_claims(placement, make):
    for number in (1, 2, 3):
        await placement.client.put_provider(make.provider_id(number), make.report(f"h{number}"))
    await placement.client.change_provider(make.provider_id(1), ProviderChange(disabled="maintenance"))
    await placement.client.change_provider(make.provider_id(2), ProviderChange(down="no heartbeat"))
    for number in range(3):
        (claim,) = await placement.client.claim(make.request(), [make.owner("a")], [f"c{number}"])
        assert claim.host == "h3"
    report = make.report("h1")
    assert (await placement.client.put_provider(make.provider_id(1), report)).disabled == "maintenance"
    await placement.client.change_provider(make.provider_id(1), ProviderChange(disabled=""))
    (claim,) = await placement.client.claim(make.request(), [make.owner("a")], ["c9"])
    assert claim.host == "h1"


async def test_a_provider_with_claims_or_children_stays(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    child = ProviderReport(name="h1-gpus", parent_id=make.provider_id(1), inventories={"PGPU": Inventory(total=8)})
    await placement.client.put_provider(make.provider_id(2), child)
    with pytest.raises(Conflict, match="children"):
        await placement.client.delete_provider(make.provider_id(1))
    await placement.client.delete_provider(make.provider_id(2))
    await placement.client.claim(make.request(), [make.owner("a")], ["c1"])
    with pytest.raises(Conflict, match="claims on it"):
        await placement.client.delete_provider(make.provider_id(1))
    await placement.client.release("c1")
    await placement.client.delete_provider(make.provider_id(1))
    with pytest.raises(NotFound):
        await placement.client.get_provider(make.provider_id(1))


async def test_devices_are_counted_over_a_tree(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    for number in (2, 3):
        part = ProviderReport(
            name=f"numa{number}", parent_id=make.provider_id(1), inventories={"PGPU": Inventory(total=4)}
        )
        await placement.client.put_provider(make.provider_id(number), part)
    asked = make.request(devices=(DeviceWish(resource_class="PGPU", count=6),))
    (claim,) = await placement.client.claim(asked, [make.owner("a")], ["c1"])
    assert (claim.host, claim.host_id) == ("h1", make.provider_id(1))
    assert sorted(part.amounts.get("PGPU", 0) for part in claim.providers) == [0, 2, 4]
    with pytest.raises(Refused, match="lacks 4 PGPU"):
        await placement.client.claim(asked, [make.owner("b")], ["c2"])
    assert (await placement.app.prove()).wrong == ()


async def test_eight_of_eight_devices_on_ten_hosts_are_found(placement, make):
    for number in range(10):
        report = make.report(f"h{number}")
        inventories = {**report.inventories, "PGPU": Inventory(total=8 if number == 7 else 7)}
        await placement.client.put_provider(
            make.provider_id(number), ProviderReport(name=f"h{number}", inventories=inventories)
        )
    asked = make.request(devices=(DeviceWish(resource_class="PGPU", count=8),))
    (claim,) = await placement.client.claim(asked, [make.owner("a")], ["c1"])
    assert claim.host == "h7"


async def test_names_and_generations_are_guarded(placement, make):
    first = await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    with pytest.raises(Conflict, match="already exists"):
        await placement.client.put_provider(make.provider_id(2), make.report("h1"))
    with pytest.raises(Conflict, match="generation"):
        await placement.client.put_provider(make.provider_id(1), make.report("h1", vcpu=9, generation=7))
    again = await placement.client.put_provider(
        make.provider_id(1), make.report("h1", vcpu=9, generation=first.generation)
    )
    assert again.generation == first.generation + 1
    with pytest.raises(BadRequest, match="UUID"):
        await placement.client.put_provider("host-1", make.report("h3"))
    with pytest.raises(BadRequest, match="no provider"):
        await placement.client.put_provider(make.provider_id(3), make.report("h3", parent_id=make.provider_id(99)))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Request(), "no resources"),
        (Request(resources={"VCPU": 1}, group=GroupWish(group_id="g", policy="apart")), "apart is none of affinity"),
        (Request(resources={"VCPU": 1}, group=GroupWish(group_id="", policy="affinity")), "group_id"),
        (Request(resources={"VCPU": 1}, group=GroupWish(group_id="g", policy="affinity", max_per_host=2)), "only"),
        (Request(resources={"VCPU": 1}, version=99), "newer"),
        (Request(resources={"VCPU": 1}, required_traits=("A",), forbidden_traits=("A",)), "at the same time: A"),
        (Request(resources={"VCPU": 0}), ">= 1"),
    ],
)
async def test_what_cannot_be_honoured_is_refused(placement, make, asked, words):
    with pytest.raises(BadRequest, match=words):
        await placement.client.claim(asked, [make.owner("a")], ["c1"])
    with pytest.raises(BadRequest, match=words):
        await placement.client.explain(asked)


async def test_an_explanation_says_who_would_win_and_claims_nothing(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    await placement.client.put_provider(make.provider_id(2), make.report("h2", ram=1024))
    found = await placement.client.explain(make.request())
    assert (found.hosts, found.fits, found.winner.host) == (2, 1, "h1")
    assert set(found.winner.weights) == {"ram", "vcpu", "disk"}
    assert [claim async for claim in placement.client.claims()] == []


async def test_a_refusal_is_read_by_programs_and_by_people(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    body = {
        "request": {"resources": {"MEMORY_MB": 9000}},
        "owners": [{"name": "server:a", "project_id": "p", "user_id": "u"}],
        "claim_ids": ["c1"],
    }
    reply = await placement.http.request("POST", "/native/v1/claims", json=body)
    assert reply.status == 409
    error = reply.json()["errors"][0]
    assert error["code"] == "placement.no_host_fits"
    assert "1 host is enabled but lacks 808 MB of memory" in error["detail"]
    assert "h1" not in error["detail"]
    assert reply.json()["explanation"]["constraints"][-1]["nearest_host"] == "h1"


async def test_a_host_that_shrinks_below_its_claims_takes_no_more(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    await placement.client.claim(make.request(vcpu=4), [make.owner("a")], ["c1"])
    await placement.client.put_provider(make.provider_id(1), make.report("h1", vcpu=2))
    with pytest.raises(Refused):
        await placement.client.claim(make.request(vcpu=1), [make.owner("b")], ["c2"])
    assert (await placement.app.prove()).wrong == ()


async def test_claims_are_placed_where_the_request_says(placement, make):
    for number in range(4):
        await placement.client.put_provider(make.provider_id(number), make.report(f"h{number}", zone=f"z{number % 2}"))
    place = Place(zone="z1", not_hosts=("h1",))
    (claim,) = await placement.client.claim(make.request(place=place), [make.owner("a")], ["c1"])
    assert claim.host == "h3"
