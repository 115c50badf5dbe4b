"""Reports that must arrive, over a controller that does not always answer."""

import asyncio

import pytest
from kilonova_agent import outbox as module
from kilonova_agent.outbox import Outbox
from kilonova_kit.bus import BusTimeout, MessageTooLarge
from kilonova_messages.encoding import decode_report, encode
from kilonova_messages.reports import Heartbeat, Receipt


def beat(number):
    return Heartbeat(boot_id=str(number), agent_version="1", clock=0.0, started_at=0.0)


async def turns(number):
    """Let the loop go round so many times."""
    for _ in range(number):
        await asyncio.sleep(0)


class Listener:
    """Receives what is sent; loses the first ``lost``; holds while ``gate`` is shut."""

    def __init__(self, lost=0):
        self.lost, self.heard = lost, []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, data):
        report = decode_report(data)
        await self.gate.wait()
        if self.lost:
            self.lost -= 1
            raise BusTimeout("lost on purpose")
        self.heard.append(report.boot_id)
        return encode(Receipt(refused="stale" if report.boot_id == "stale" else ""))


async def test_a_lost_report_is_sent_until_it_is_receipted(eventually):
    listener, receipts = Listener(lost=3), []
    outbox = Outbox(listener)
    outbox.put("beat", beat(1), receipts.append)
    await eventually(lambda: receipts)
    assert listener.heard == ["1"]
    assert outbox.waiting == 0


async def test_a_newer_report_takes_the_place_of_one_that_waits(eventually):
    listener = Listener()
    listener.gate.clear()
    outbox = Outbox(listener)
    outbox.put("beat", beat(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    outbox.put("beat", beat(2))
    outbox.put("beat", beat(3))
    listener.gate.set()
    await eventually(lambda: outbox.waiting == 0)
    assert listener.heard == ["1", "3"]


async def test_what_is_made_at_sending_is_made_anew_at_each_try(eventually):
    listener, made = Listener(lost=2), []

    async def make():
        made.append(1)
        return beat(len(made))

    outbox = Outbox(listener)
    outbox.put("beat", make)
    await eventually(lambda: outbox.waiting == 0)
    assert listener.heard == ["3"]


async def test_a_report_with_nothing_to_say_is_dropped(eventually):
    listener = Listener()

    async def make():
        return None

    outbox = Outbox(listener)
    outbox.put("beat", make)
    await eventually(lambda: outbox.waiting == 0)
    assert listener.heard == []


async def test_a_refused_report_is_not_sent_again(eventually):
    listener, receipts = Listener(), []
    outbox = Outbox(listener)
    outbox.put("beat", beat("stale"), receipts.append)
    await eventually(lambda: receipts)
    assert receipts[0].refused == "stale"
    assert outbox.waiting == 0


async def test_a_report_that_never_fits_is_dropped_and_told(eventually, caplog):
    async def refuse(_):
        raise MessageTooLarge("2 of 1 bytes")

    outbox = Outbox(refuse)
    outbox.put("beat", beat(1))
    await eventually(lambda: outbox.waiting == 0)
    assert "too large" in caplog.text


async def test_beyond_the_bound_the_oldest_goes(monkeypatch, eventually):
    monkeypatch.setattr(module, "MOST", 3)
    listener = Listener()
    listener.gate.clear()
    outbox = Outbox(listener)
    for number in range(5):
        outbox.put(number, beat(number))
    assert outbox.waiting == 3
    listener.gate.set()
    await eventually(lambda: outbox.waiting == 0)
    assert listener.heard == ["2", "3", "4"]


async def test_the_return_of_the_bus_ends_the_pauses(monkeypatch, eventually):
    monkeypatch.setattr(module, "_FIRST_PAUSE", 3600.0)
    listener = Listener(lost=1)
    outbox = Outbox(listener)
    outbox.put("beat", beat(1))
    await eventually(lambda: listener.lost == 0)
    await asyncio.sleep(0)
    outbox.try_now()
    await eventually(lambda: outbox.waiting == 0)


async def test_a_closed_outbox_sends_nothing_more():
    listener = Listener(lost=1)
    outbox = Outbox(listener)
    outbox.put("beat", beat(1))
    await outbox.close()
    outbox.put("beat", beat(2))
    assert listener.heard == []


@pytest.mark.parametrize("before", range(12))
async def test_an_outbox_ends_also_when_the_bus_returns_as_it_is_closed(before):
    for after in range(12):
        outbox = Outbox(Listener(lost=10**9))
        outbox.put("beat", beat(1))
        await turns(before)
        outbox.try_now()
        await turns(after)
        async with asyncio.timeout(20):
            await outbox.close()


async def test_a_heartbeat_does_not_wait_behind_other_reports(eventually):
    listener = Listener()
    listener.gate.clear()
    outbox = Outbox(listener)
    for number in range(500):
        outbox.put(number, beat(number))
    urgent = asyncio.Event()

    async def make():
        urgent.set()
        return beat("urgent")

    outbox.put("heartbeat", make, urgent=True)
    await eventually(urgent.is_set)
    await outbox.close()


async def test_a_report_that_cannot_be_made_is_told_and_does_not_stop_the_next(eventually, caplog):
    async def broken():
        raise KeyError("nobody thought of this")

    listener = Listener()
    outbox = Outbox(listener)
    outbox.put("beat", broken)
    await eventually(lambda: outbox.waiting == 0)
    outbox.put("beat", beat(1))
    await eventually(lambda: outbox.waiting == 0)
    assert listener.heard == ["1"]
    assert "could not be made" in caplog.text


async def test_a_report_that_comes_just_when_the_last_one_was_receipted_is_sent(eventually):
    listener, receipts = Listener(), []
    outbox = Outbox(listener)

    def once_more(receipt):
        receipts.append(receipt)
        if len(receipts) == 1:
            asyncio.get_running_loop().call_soon(outbox.put, "beat", beat(2), receipts.append)

    outbox.put("beat", beat(1), once_more)
    await eventually(lambda: len(receipts) == 2, seconds=5)
    assert listener.heard == ["1", "2"]
