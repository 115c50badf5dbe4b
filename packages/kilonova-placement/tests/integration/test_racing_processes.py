"""Several placement processes on one database: here several apps, each with its own index and connections."""

import asyncio
import sys

import pytest
from kilonova_kit.testing.postgresql import binaries, running_postgresql
from kilonova_placement.model.explanations import Refused


@pytest.fixture(scope="module")
def server():
    if binaries() is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running_postgresql() as server:
        yield server


@pytest.fixture
def postgresql(server):
    """The URL of an empty database of this test's own."""
    return server.new_database()


async def _fill(placement, make, prefix, tries):
    """Claim again and again until refused; the ids that were held."""
    held = []
    for number in range(tries):
        claim_id = f"{prefix}{number}"
        try:
            await placement.client.claim(make.request(ram=1, disk=1), [make.owner(claim_id)], [claim_id])
        except Refused:
            continue
        held.append(claim_id)
    return held


@pytest.mark.postgresql
async def test_two_racing_processes_never_give_the_same_room_twice(postgresql, make):
    async with make.running(postgresql, seed=1) as one, make.running(postgresql, seed=2) as two:
        for number in range(3):
            await one.client.put_provider(make.provider_id(number), make.report(f"h{number}", vcpu=20))
        workers = [_fill(app, make, f"{name}{lane}-", 8) for name, app in (("a", one), ("b", two)) for lane in range(6)]
        held = [claim_id for lane in await asyncio.gather(*workers) for claim_id in lane]
        assert len(held) == 60  # 96 were asked for, and there is room for exactly 60
        assert sorted(held) == sorted([claim.claim_id async for claim in one.client.claims()])
        for use in await two.client.providers():
            assert use.used["VCPU"] == 20
        for app in (one.app, two.app):
            assert (await app.prove()).wrong == ()


@pytest.mark.postgresql
async def test_the_same_id_at_two_processes_is_one_claim(postgresql, make):
    async with make.running(postgresql, seed=1) as one, make.running(postgresql, seed=2) as two:
        await one.client.put_provider(make.provider_id(1), make.report("h1", vcpu=50))
        for number in range(20):
            ask = (make.request(ram=1, disk=1), [make.owner("a")], [f"c{number}"])
            first, second = await asyncio.gather(one.client.claim(*ask), two.client.claim(*ask))
            assert first == second
        assert (await one.client.get_provider(make.provider_id(1))).used["VCPU"] == 20


@pytest.mark.postgresql
async def test_what_one_releases_the_other_may_claim_at_once(postgresql, make):
    async with make.running(postgresql, seed=1) as one, make.running(postgresql, seed=2) as two:
        await one.client.put_provider(make.provider_id(1), make.report("h1", vcpu=1))
        await two.client.claim(make.request(), [make.owner("a")], ["first"])
        with pytest.raises(Refused):
            await one.client.claim(make.request(), [make.owner("b")], ["second"])
        await two.client.release("first")
        (claim,) = await one.client.claim(make.request(), [make.owner("b")], ["second"])
        assert claim.host == "h1"


@pytest.mark.postgresql
async def test_claims_and_releases_race_and_the_sums_stay_true(postgresql, make):
    async with make.running(postgresql, seed=1) as one, make.running(postgresql, seed=2) as two:
        for number in range(2):
            await one.client.put_provider(make.provider_id(number), make.report(f"h{number}", vcpu=6))

        async def churn(placement, prefix):
            for claim_id in await _fill(placement, make, prefix, 10):
                await placement.client.release(claim_id)

        await asyncio.gather(*(churn(app, f"{lane}-{id(app)}-") for app in (one, two) for lane in range(3)))
        assert [claim async for claim in one.client.claims()] == []
        for app in (one.app, two.app):
            await app.ledger.follow()
            assert (await app.prove()).wrong == ()
            assert (await app.prove()).behind == 0
        for use in await one.client.providers():
            assert use.used == {}


_CHILD = """
import asyncio, sys
from kilonova_placement.app.waiting import Question
from kilonova_placement.model.claims import Owner
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.requests import Request
from kilonova_placement.service import PlacementApp, PlacementSettings

async def main(url, prefix):
    app = PlacementApp(PlacementSettings(database=url))
    await app.start()
    async def one(number):
        owner = Owner(name=f"server:{prefix}{number}", project_id="p", user_id="u")
        try:
            await app.ledger.claim(Question(Request(resources={"VCPU": 1}), (owner,), (f"{prefix}{number}",), 60.0))
        except Refused:
            return 0
        return 1
    print(sum(await asyncio.gather(*(one(number) for number in range(150)))))
    await app.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.postgresql
async def test_real_processes_share_what_there_is_exactly(postgresql, make):
    async with make.running(postgresql) as watcher:
        for number in range(5):
            await watcher.client.put_provider(make.provider_id(number), make.report(f"h{number}", vcpu=40))
        started = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", _CHILD, postgresql, prefix, stdout=asyncio.subprocess.PIPE
            )
            for prefix in ("a", "b")
        ]
        outputs = [(await child.communicate())[0] for child in started]
        assert sum(int(output) for output in outputs) == 200  # of 300 asked for
        uses = await watcher.client.providers()
        assert [use.used["VCPU"] for use in uses] == [40] * 5


@pytest.mark.postgresql
async def test_allocations_and_claims_of_two_processes_never_exceed_what_there_is(postgresql, make):
    """One process is asked for allocations, the other for claims, on the same four providers."""
    headers = {"OpenStack-API-Version": "placement 1.12"}
    async with make.running(postgresql, seed=1) as one, make.running(postgresql, seed=2) as two:
        for number in range(4):
            await one.client.put_provider(make.provider_id(number), make.report(f"h{number}", vcpu=5))
        await two.app.ledger.follow()

        async def allocate(number):
            body = {
                "allocations": {make.provider_id(number % 4): {"resources": {"VCPU": 1}}},
                "project_id": "p",
                "user_id": "u",
            }
            consumer = f"00000000-0000-0000-0000-0000000c{number:04d}"
            reply = await one.http.request("PUT", f"/allocations/{consumer}", json=body, headers=headers)
            return reply.status == 204

        async def claim(number):
            try:
                await two.client.claim(make.request(), [make.owner(f"n{number}")], [f"n{number}"])
            except Refused:
                return False
            return True

        each = [ask(number) for number in range(20) for ask in (allocate, claim)]
        taken = sum(await asyncio.gather(*each))
        used = [use.used.get("VCPU", 0) for use in await one.client.providers()]
        assert taken == sum(used)
        assert max(used) <= 5
        for service in (one, two):
            await service.app.ledger.follow()
            await service.app.prove()
            assert (await service.app.prove()).wrong == ()
