"""The feed, the proof, and what happens when the database is away."""

import asyncio
import logging

import pytest
from kilonova_kit.errors import Unavailable
from kilonova_placement.app.feed import FeedPosition
from kilonova_placement.deciding.index import Part
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.providers import ProviderChange
from kilonova_placement.store import tables
from kilonova_placement.store.changes import Change
from sqlalchemy import delete, insert, update


async def test_a_clean_proof_says_nothing(placement, make, caplog):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    await placement.client.claim(make.request(), [make.owner("a")], ["c1"])
    with caplog.at_level(logging.WARNING):
        proof = await placement.app.prove()
    assert (proof.providers, proof.behind, proof.wrong) == (1, 0, ())
    assert caplog.records == []


async def test_an_index_that_is_wrong_is_reported_and_mended(placement, make, caplog):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    index = placement.app.ledger.index
    index.take([Part(index.row_of(make.provider_id(1)), "VCPU", 3)])
    with caplog.at_level(logging.WARNING):
        proof = await placement.app.prove()
    assert proof.wrong == (make.provider_id(1),)
    assert "disagreed on 1 things" in caplog.text
    assert (await placement.app.prove()).wrong == ()


async def test_claims_that_hold_nothing_and_amounts_that_nobody_holds_are_reported(placement, make):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    for claim_id in ("empty", "released", "whole"):
        await placement.client.claim(make.request(), [make.owner(claim_id)], [claim_id])
    amounts = tables.claim_amounts
    ghost = {"claim_id": "ghost", "provider_id": make.provider_id(1), "resource_class": "VCPU", "amount": 1}

    def break_it(tx):
        tx.execute(delete(amounts).where(amounts.c.claim_id == "empty"))
        tx.execute(update(tables.claims).where(tables.claims.c.claim_id == "released").values(state="released"))
        tx.execute(insert(amounts).values(ghost))

    await placement.app.database.write(break_it)
    wrong = (await placement.app.prove()).wrong
    assert {one for one in wrong if one.startswith("claim:")} == {"claim:empty", "claim:released", "claim:ghost"}


async def test_the_index_follows_what_another_process_does(database, make):
    async with make.running(database, follow_every=0.01) as one, make.running(database) as two:
        await two.client.put_provider(make.provider_id(1), make.report("h1"))
        await _until(lambda: one.app.ledger.index.hosts == 1)
        await two.client.change_provider(make.provider_id(1), ProviderChange(disabled="maintenance"))
        await _until(lambda: not one.app.ledger.index.open[0])
        await two.client.delete_provider(make.provider_id(1))
        await _until(lambda: one.app.ledger.index.hosts == 0)


async def test_a_provider_that_is_made_again_is_not_taken_for_the_old_one(database, make):
    """The other process has missed both: its picture shows the old one, and no generation of it ever comes back."""
    async with make.running(database) as one, make.running(database) as two:
        first = await one.client.put_provider(make.provider_id(1), make.report("h1", vcpu=8))
        await two.app.ledger.follow()
        await _until(lambda: two.app.ledger.index.hosts == 1)
        await one.client.delete_provider(make.provider_id(1))
        again = await one.client.put_provider(make.provider_id(1), make.report("h1", vcpu=1))
        assert again.generation > first.generation
        assert again.api_generation == 0
        with pytest.raises(Refused):
            await two.client.claim(make.request(vcpu=2), [make.owner("a")], ["c1"])


async def _until(holds):
    """Wait for a state, not for a time."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - the index is changed by another app, which sets no event of ours
            await asyncio.sleep(0.005)


async def test_a_service_that_is_closed_or_not_started_says_so(database, make):
    async with make.running(database) as service:
        assert await service.app.ready() == []
    assert await service.app.ready() == ["placement has not built its index yet"]


async def test_whoever_waits_when_the_service_closes_is_told(database, make):
    async with make.running(database) as service:
        await service.client.put_provider(make.provider_id(1), make.report("h1"))
        asked = asyncio.create_task(service.client.claim(make.request(), [make.owner("a")], ["c1"]))
        await asyncio.sleep(0)
    try:
        (claim,) = await asked
    except Unavailable:
        return  # told that placement is away; asking again with the same id is safe
    assert claim.claim_id == "c1"


def test_a_row_that_appears_late_is_still_seen():
    position = FeedPosition(10)
    assert position.news([Change(11, "a"), Change(13, "", "b")], 100.0) == ({"a"}, {"b"})
    assert position.floor == 10
    assert position.news([Change(11, "a"), Change(12, "late"), Change(13, "", "b")], 101.0) == ({"late"}, set())
    assert position.news([], 104.5) == (set(), set())
    assert position.floor == 13


def test_our_own_rows_are_not_gone_through_for_ever():
    position = FeedPosition(10)
    assert position.news([Change(11, "a")], 100.0, up_to=5000) == ({"a"}, set())
    assert position.news([Change(4999, "late"), Change(6001, "b")], 101.0, up_to=6000) == ({"late", "b"}, set())
    assert position.news([], 103.5, up_to=6001) == (set(), set())
    assert position.floor == 5000
    assert position.news([], 105.0, up_to=0) == (set(), set())
    assert position.floor == 6001


@pytest.mark.parametrize("name", ["claims", "providers"])
async def test_a_database_that_is_away_is_said_and_harms_nothing(placement, make, name):
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    placement.app.database._patience = 0.0
    async with _Locked(placement.app.settings.database):
        if name == "claims":
            ask = placement.client.claim(make.request(), [make.owner("a")], ["c1"])
        else:
            ask = placement.client.put_provider(make.provider_id(1), make.report("h1", vcpu=9))
        with pytest.raises(Unavailable):
            await ask
    (claim,) = await placement.client.claim(make.request(), [make.owner("a")], ["c1"])
    assert claim.host == "h1"
    assert (await placement.app.prove()).wrong == ()
    assert (await placement.client.get_provider(make.provider_id(1))).used["VCPU"] == 1


class _Locked:
    """Another program holds SQLite's write lock."""

    def __init__(self, url):
        self.path = url.removeprefix("sqlite:///")

    async def __aenter__(self):
        import sqlite3

        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute("BEGIN IMMEDIATE")

    async def __aexit__(self, *_):
        self.connection.rollback()
        self.connection.close()
