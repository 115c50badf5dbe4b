"""An owner moves: two claims that both count, then one."""

import asyncio

import pytest
from kilonova_kit.errors import BadRequest, Conflict, NotFound
from kilonova_placement.model.claims import ClaimState
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.requests import GroupWish, Place


@pytest.fixture
async def moving(placement, make):
    """Two hosts; server a has one VCPU of one of them, for good, as claim ``old``."""
    for number in range(2):
        await placement.client.put_provider(make.provider_id(number), make.report(f"h{number}"))
    await placement.client.claim(make.request(), [make.owner("a")], ["old"])
    await placement.client.bind("old")
    return placement


async def _states(placement, *claim_ids):
    return [(await placement.client.get(claim_id)).state for claim_id in claim_ids]


async def _used(placement):
    return sum(use.used.get("VCPU", 0) for use in await placement.client.providers())


async def test_a_move_is_confirmed(moving, make):
    old = await moving.client.get("old")
    new = await moving.client.move(make.request(vcpu=2), "old", "new", elsewhere=True)
    assert (new.owner, new.leaves, new.state) == (old.owner, "old", ClaimState.HELD)
    assert new.host != old.host
    assert await _used(moving) == 3
    assert [(move.leaves.claim_id, move.goes_to.claim_id) async for move in moving.client.moves()] == [("old", "new")]
    bound = await moving.client.confirm_move("new")
    assert (bound.state, bound.expires_at) == (ClaimState.BOUND, None)
    assert await _states(moving, "old", "new") == ["released", "bound"]
    assert await _used(moving) == 2
    assert [move async for move in moving.client.moves()] == []
    assert (await moving.app.prove()).wrong == ()


async def test_a_move_is_reverted(moving, make):
    await moving.client.move(make.request(vcpu=2), "old", "new")
    await moving.client.revert_move("new")
    assert await _states(moving, "old", "new") == ["bound", "released"]
    assert await _used(moving) == 1
    with pytest.raises(Conflict, match="move anew"):
        await moving.client.confirm_move("new")
    assert (await moving.client.move(make.request(), "old", "newer")).state == ClaimState.HELD


async def test_a_move_that_is_bound_stays_open_until_somebody_decides(moving, make):
    await moving.client.move(make.request(), "old", "new")
    await moving.client.bind("new")
    moving.clock.now += 9999
    assert await moving.app.reap() == 0
    assert len([move async for move in moving.client.moves("server:a")]) == 1
    assert [move async for move in moving.client.moves("server:b")] == []
    await moving.client.confirm_move("new")
    assert await _states(moving, "old", "new") == ["released", "bound"]


async def test_a_place_that_nobody_binds_expires_and_nothing_has_happened(moving, make):
    await moving.client.move(make.request(), "old", "new")
    moving.clock.now += 61
    assert await moving.app.reap() == 1
    assert await _states(moving, "old", "new") == ["bound", "released"]
    with pytest.raises(Conflict, match="expired"):
        await moving.client.confirm_move("new")
    await moving.client.revert_move("new")


async def test_every_step_of_a_move_may_be_repeated(moving, make):
    first = await moving.client.move(make.request(), "old", "new")
    assert await moving.client.move(make.request(), "old", "new") == first
    assert await moving.client.confirm_move("new") == await moving.client.confirm_move("new")
    assert (await moving.client.move(make.request(), "old", "new")).state == ClaimState.BOUND
    with pytest.raises(Conflict, match="confirmed") as caught:
        await moving.client.revert_move("new")
    assert caught.value.kind == "placement.move_confirmed"
    await moving.client.move(make.request(), "new", "newest")
    for _ in range(2):
        await moving.client.revert_move("newest")
    assert await _used(moving) == 1


async def test_the_same_move_asked_for_twice_at_the_same_moment_is_one(moving, make):
    asked = [moving.client.move(make.request(), "old", "new") for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert all(answer == answers[0] for answer in answers)
    assert await _used(moving) == 2


async def test_an_owner_moves_to_one_place_at_a_time(moving, make):
    asked = [moving.client.move(make.request(), "old", f"new{number}") for number in range(4)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    held = [answer for answer in answers if not isinstance(answer, Conflict)]
    assert len(held) == 1
    await moving.client.bind(held[0].claim_id)
    with pytest.raises(Conflict, match="moves already") as caught:
        await moving.client.move(make.request(), held[0].claim_id, "onward")
    assert caught.value.kind == "placement.cannot_move"


async def test_only_a_bound_claim_is_left(moving, make):
    await moving.client.claim(make.request(), [make.owner("b")], ["held"])
    with pytest.raises(Conflict, match="not bound"):
        await moving.client.move(make.request(), "held", "new")
    await moving.client.release("held")
    with pytest.raises(Conflict, match="not bound"):
        await moving.client.move(make.request(), "held", "new")
    with pytest.raises(NotFound):
        await moving.client.move(make.request(), "never-was", "new")
    with pytest.raises(BadRequest):
        await moving.client.move(make.request(), "old", "old")
    await moving.client.claim(make.request(), [make.owner("c")], ["other"])
    with pytest.raises(Conflict, match="in use"):
        await moving.client.move(make.request(), "old", "other")
    with pytest.raises(NotFound):
        await moving.client.confirm_move("old")  # a claim, but no move
    with pytest.raises(NotFound):
        await moving.client.revert_move("old")
    reply = await moving.http.request("GET", "/native/v1/moves/old")
    assert reply.status == 404


async def test_a_move_without_a_place_is_refused_with_reasons(moving, make):
    host = (await moving.client.get("old")).host
    with pytest.raises(Refused, match="lack memory, the nearest by 808 MB"):
        await moving.client.move(make.request(ram=9000), "old", "new")
    with pytest.raises(Refused, match="excluded by the request"):
        await moving.client.move(make.request(place=Place(host=host)), "old", "new", elsewhere=True)
    assert await _states(moving, "old") == ["bound"]
    assert [move async for move in moving.client.moves()] == []


async def test_usage_counts_both_places_and_can_tell(moving, make):
    await moving.client.move(make.request(vcpu=3), "old", "new")
    usage = await moving.client.whole_usage("p1")
    assert (usage.usage["VCPU"], usage.moving["VCPU"]) == (4, 1)
    assert await moving.client.usage("p1") == usage.usage
    await moving.client.confirm_move("new")
    usage = await moving.client.whole_usage("p1", "u1")
    assert (usage.usage["VCPU"], usage.moving) == (3, {})


async def test_a_member_that_moves_does_not_count_against_itself(placement, make):
    for number in range(3):
        await placement.client.put_provider(make.provider_id(number), make.report(f"h{number}"))
    asked = make.request(group=GroupWish(group_id="g", policy="anti-affinity"))
    claims = await placement.client.claim(asked, [make.owner("a"), make.owner("b")], ["a", "b"])
    await placement.client.bind("a")
    free = ({"h0", "h1", "h2"} - {claim.host for claim in claims}).pop()
    assert (await placement.client.explain(asked, owner="server:a")).fits == 1
    assert (await placement.client.move(asked, "a", "a2", elsewhere=True)).host == free
    with pytest.raises(Refused):
        await placement.client.claim(asked, [make.owner("c")], ["c"])
    await placement.client.revert_move("a2")
    same_host = make.request(group=asked.group, place=Place(host=claims[0].host))
    assert (await placement.client.move(same_host, "a", "a3")).host == claims[0].host
    await placement.client.confirm_move("a3")
    (late,) = await placement.client.claim(asked, [make.owner("c")], ["c"])
    assert late.host == free
    assert (await placement.app.prove()).wrong == ()


async def test_nobody_joins_by_affinity_while_the_only_member_is_on_the_move(placement, make):
    for number in range(2):
        await placement.client.put_provider(make.provider_id(number), make.report(f"h{number}"))
    asked = make.request(group=GroupWish(group_id="g", policy="affinity"))
    await placement.client.claim(asked, [make.owner("a")], ["a"])
    await placement.client.bind("a")
    new = await placement.client.move(asked, "a", "a2", elsewhere=True)
    with pytest.raises(Refused, match="on the move"):
        await placement.client.claim(asked, [make.owner("b")], ["b"])
    await placement.client.confirm_move("a2")
    (joined,) = await placement.client.claim(asked, [make.owner("b")], ["b"])
    assert joined.host == new.host
    with pytest.raises(Refused):
        await placement.client.move(asked, "a2", "a3", elsewhere=True)


async def test_a_move_is_shown_as_long_as_both_claims_are_remembered(moving, make):
    await moving.client.move(make.request(), "old", "new")
    await moving.client.confirm_move("new")
    shown = (await moving.http.request("GET", "/native/v1/moves/new")).json()
    assert (shown["leaves"]["state"], shown["goes_to"]["state"]) == ("released", "bound")
    moving.clock.now += 3601
    await moving.app.reap()
    assert (await moving.http.request("GET", "/native/v1/moves/new")).status == 404
    assert (await moving.client.confirm_move("new")).state == ClaimState.BOUND
    with pytest.raises(Conflict, match="confirmed"):
        await moving.client.revert_move("new")


async def test_moves_are_listed_page_by_page(moving, make):
    for name in ("b", "c"):
        await moving.client.claim(make.request(), [make.owner(name)], [name])
        await moving.client.bind(name)
    for name in ("old", "b", "c"):
        await moving.client.move(make.request(), name, f"to-{name}")
    page = (await moving.http.request("GET", "/native/v1/moves?limit=2")).json()
    assert [move["goes_to"]["claim_id"] for move in page["moves"]] == ["to-b", "to-c"]
    assert page["next_marker"] == "to-c"
    rest = (await moving.http.request("GET", "/native/v1/moves?limit=2&marker=to-c")).json()
    assert ([move["goes_to"]["claim_id"] for move in rest["moves"]], rest["next_marker"]) == (["to-old"], "")
