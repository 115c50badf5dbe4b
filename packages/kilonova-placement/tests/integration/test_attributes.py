"""What is said about hosts, through the API and the database: it is kept, it decides, and guests are counted."""

import asyncio

import pytest
from kilonova_kit.errors import BadRequest
from kilonova_placement.model.attributes import Said
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.providers import ProviderChange
from kilonova_placement.model.requests import LabelTerm, Place


async def _two_hosts(service, make):
    for number in (1, 2):
        await service.client.put_provider(make.provider_id(number), make.report(f"h{number}"))


async def _say(service, make, number, **said):
    change = ProviderChange(attributes=Said(**said))
    return await service.client.change_provider(make.provider_id(number), change)


async def _claim(service, make, name, **more):
    (claim,) = await service.client.claim(make.request(**more), [make.owner(name)], [f"claim-{name}"])
    return claim.host


async def test_what_is_said_decides_and_outlives_the_process(database, make):
    gold = make.request(place=Place(labels=(LabelTerm(key="tier", values=("gold",)),), carries=("paying",)))
    async with make.running(database) as service:
        await _two_hosts(service, make)
        said = {"labels": {"tier": ("gold", "silver")}, "only_for": ("paying",), "address": "10.0.0.2"}
        provider = await _say(service, make, 2, **said, images=("i",), multipliers={"ram": -1.0}, most_guests=9)
        again = await _say(service, make, 2, **said)
        assert again == provider
    async with make.running(database) as service:
        kept = (await service.client.get_provider(make.provider_id(2))).provider
        assert kept.attributes == provider.attributes
        explained = await service.client.explain(gold)
        assert (explained.winner.host, explained.winner.weights["ram"]) == ("h2", -1.0)
        assert (await service.client.explain(make.request())).winner.host == "h1"
        near = make.request(place=Place(network="10.0.0.0/24", carries=("paying",)))
        assert (await service.client.explain(near)).winner.host == "h2"


async def test_a_report_says_nothing_about_what_operators_say(placement, make):
    await _two_hosts(placement, make)
    before = await _say(placement, make, 1, labels={"k": ("v",)})
    after = await placement.client.put_provider(make.provider_id(1), make.report("h1", vcpu=9))
    assert after.attributes == before.attributes
    replaced = make.report("h1", vcpu=9, attributes=Said(images=("i",)))
    assert (await placement.client.put_provider(make.provider_id(1), replaced)).attributes.images == ("i",)


async def test_guests_are_limited_and_counted_whoever_claims_and_releases(database, make):
    async with (
        make.running(database, most={"guests": 2}, follow_every=0.01) as one,
        make.running(database, most={"guests": 2}, follow_every=0.01) as two,
    ):
        await one.client.put_provider(make.provider_id(1), make.report("h1"))
        assert await _claim(one, make, "a") == "h1"
        assert await _claim(two, make, "b") == "h1"
        for service in (one, two):
            with pytest.raises(Refused, match=r"has too many guests, 2 of 2"):
                await _claim(service, make, "c")
        await two.client.release("claim-a")
        assert await _claim(one, make, "d") == "h1"
        for service in (one, two):
            await service.app.ledger.follow()
            assert (await service.app.prove()).wrong == ()
        assert (await one.app.prove()).behind == 0
        assert one.app.ledger.index.attributes.guests[0] == 2


async def test_claims_of_one_moment_keep_to_the_limit_together(database, make):
    async with make.running(database, most={"guests": 3}) as service:
        await _two_hosts(service, make)
        asked = [_claim(service, make, f"server-{number}") for number in range(10)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(host for host in found if isinstance(host, str)) == ["h1"] * 3 + ["h2"] * 3
        assert all(isinstance(one, str | Refused) for one in found)
        assert (await service.app.prove()).wrong == ()


async def test_one_minute_after_many_arrived_others_may(database, make):
    async with make.running(database, most={"arriving": 1}) as service:
        await service.client.put_provider(make.provider_id(1), make.report("h1"))
        assert await _claim(service, make, "a") == "h1"
        with pytest.raises(Refused, match=r"guests that came in the last minute, 1 of 1"):
            await _claim(service, make, "b")
        for _ in range(8):
            service.clock.now += 10
            await service.client.release("nobody")
        assert await _claim(service, make, "b") == "h1"


async def test_a_host_where_a_build_failed_is_spared_for_a_while(placement, make):
    await _two_hosts(placement, make)
    await _say(placement, make, 1, failed_builds=1)
    assert [await _claim(placement, make, name, vcpu=2) for name in "abc"] == ["h2", "h2", "h2"]
    placement.clock.now += 8 * 3600.0
    await placement.client.release("nobody")
    assert await _claim(placement, make, "d", vcpu=2) == "h1"


async def test_a_network_that_is_none_is_refused(placement, make):
    with pytest.raises(BadRequest, match=r"request.place.network"):
        await placement.client.explain(make.request(place=Place(network="10.0.0.0/99")))
