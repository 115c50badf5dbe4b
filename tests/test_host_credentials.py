"""What a host that has been taken over can do to others: nothing. With its true credentials, on the true bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from cloud.simulated import SimulatedCloud, SimulatedHost
from kilonova_agent.joining import Joined, bus_credentials, read_joined
from kilonova_kit.bus import Bus, BusError, BusMessage, BusRefused
from kilonova_messages import subjects
from kilonova_messages.encoding import decode_receipt, encode
from kilonova_messages.reports import GuestEventReport, GuestsReport, GuestState, MetadataQuestion
from kilonova_messages.steps import StepReport


def _joined(host: SimulatedHost) -> Joined:
    joined = read_joined(host.data)
    assert joined is not None
    return joined


async def _connect(host: SimulatedHost, name: str) -> Bus:
    joined = _joined(host)
    prefix = subjects.inbox_prefix(joined.host_id)
    return await Bus.connect(joined.bus_url, bus_credentials(host.data, joined), name, inbox_prefix=prefix)


@pytest.mark.parametrize("subject", [subjects.work, subjects.ask, subjects.report])
async def test_a_host_may_not_listen_to_another(cloud: SimulatedCloud, subject: Callable[[str, str], str]) -> None:
    taken_over, other = cloud.host("host1"), _joined(cloud.host("host3"))
    bus = await _connect(taken_over, "thief")

    async def heard(message: BusMessage) -> None:
        raise AssertionError(f"heard {message}")

    with pytest.raises(BusRefused):
        await bus.subscribe(subject(other.cell, other.host_id), heard)
    with pytest.raises(BusRefused):
        await bus.subscribe(f"{subjects.inbox_prefix(other.host_id)}.>", heard)
    with pytest.raises(BusRefused):
        await bus.subscribe("kn.>", heard)
    await bus.close()


async def test_a_host_may_not_speak_as_another(cloud: SimulatedCloud) -> None:
    taken_over, other = cloud.host("host1"), _joined(cloud.host("host3"))
    bus = await _connect(taken_over, "impostor")
    report = encode(GuestsReport(guests=(), taken_at=0.0))
    for subject in (subjects.report, subjects.work, subjects.ask):
        with pytest.raises(BusError):
            await bus.request(subject(other.cell, other.host_id), report, 2.0)
    await bus.close()


async def test_a_host_may_not_report_on_a_server_that_is_not_its_own(cloud: SimulatedCloud) -> None:
    admin = cloud.admin
    server = await asyncio.to_thread(admin.create_active, "of-host3", host="host3")
    joined = _joined(cloud.host("host1"))
    (action_id, line), *_ = cloud.rows(
        joined.cell,
        "select actions.id, action_lines.record from actions join action_lines on action_id = actions.id "
        f"where server_id = '{server.id}' and position = 2",
    )
    assert "operation_id" in line
    bus = await _connect(cloud.host("host1"), "liar")
    subject = subjects.report(joined.cell, joined.host_id)
    lie = GuestState(guest_id=server.id, power="off", generation=99)

    asked = await bus.request(subject, encode(MetadataQuestion(server_id=server.id)), 5.0)
    assert decode_receipt(asked).refused == "not_yours"
    await bus.request(subject, encode(GuestEventReport(guest=lie, at=2e9)), 5.0)
    await bus.request(subject, encode(GuestsReport(guests=(lie,), taken_at=2e9)), 5.0)
    done = StepReport(
        operation_id="0" * 32, action_id=action_id, server_id=server.id, generation=99, state="done", power="off"
    )
    assert decode_receipt(await bus.request(subject, encode(done), 5.0)).refused
    await bus.close()

    shown = await asyncio.to_thread(admin.show, server)
    assert (shown.status, shown.host, shown.power_state) == ("ACTIVE", "host3", 1)
    await asyncio.to_thread(admin.delete_and_wait, server)


def test_a_join_token_works_once(cloud: SimulatedCloud) -> None:
    body = {"token": "not-a-token", "public_key": "U" + "A" * 55, "hostname": "intruder", "agent_version": "0"}
    assert cloud.demo.send("POST", "/compute/host-joins", json=body).status_code in (400, 403)
    assert cloud.demo.send("POST", "/compute/host-tokens", json={"cell": "cell1"}).status_code == 403
