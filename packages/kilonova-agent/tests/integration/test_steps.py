"""Steps over a real bus, run by the fake driver."""

import asyncio
import signal
import time

import msgspec
import pytest
from kilonova_driver_fake.control import FakeControl
from kilonova_messages.asks import ConsoleLogAsk, DiagnosticsAsk, PingAsk, WirePortsAsk
from kilonova_messages.reports import GuestEventReport, Heartbeat, HostReport
from kilonova_messages.steps import (
    EnsureGuest,
    PauseGuest,
    RebootGuest,
    RemoveGuest,
    StepReport,
    StopGuest,
    UnpauseGuest,
)

HOST = "id-of-h1"


async def test_a_guest_is_built_stopped_started_rebooted_paused_and_removed(
    controller, start_agent, make_wish, make_request, eventually
):
    await start_agent()
    wish = make_wish()
    guest = wish.guest_id
    for step, power in (
        (EnsureGuest(wish=wish), "on"),
        (StopGuest(), "off"),
        (EnsureGuest(wish=wish), "on"),
        (RebootGuest(wish=wish), "on"),
        (PauseGuest(), "paused"),
        (UnpauseGuest(), "on"),
    ):
        end = await controller.run(HOST, make_request(guest, step))
        assert (end.state, end.power, end.error) == ("done", power, None)
    await eventually(lambda: guest in (controller.guests() or ()))
    end = await controller.run(HOST, make_request(guest, RemoveGuest()))
    assert (end.state, end.power) == ("done", "")
    await eventually(lambda: guest not in controller.guests())


async def test_a_repeated_question_gets_the_same_answer_and_is_done_once(
    controller, start_agent, make_wish, make_request
):
    agent = await start_agent()
    wish = make_wish()
    await controller.run(HOST, make_request(wish.guest_id, EnsureGuest(wish=wish)))
    reboot = make_request(wish.guest_id, RebootGuest(wish=wish))
    first = await controller.run(HOST, reboot)
    assert await controller.run(HOST, reboot) == first
    await agent.close()
    await start_agent()  # the record remembers, where memory cannot
    await controller.send(HOST, reboot)
    assert await controller.run(HOST, reboot) == first


async def test_a_lost_report_is_sent_again(controller, start_agent, make_wish, make_request, eventually):
    await start_agent()
    controller.deaf = 1
    request = make_request("g1", EnsureGuest(wish=make_wish("g1")))
    await controller.send(HOST, request)
    (end,) = await eventually(lambda: controller.ends_of(request))
    assert end.state == "done"
    assert controller.deaf == 0


async def test_an_older_question_is_passed_over_also_after_the_removal_and_a_restart(
    controller, start_agent, make_wish, make_request, eventually
):
    agent = await start_agent()
    wish = make_wish()
    late = make_request(wish.guest_id, EnsureGuest(wish=wish))
    await controller.run(HOST, make_request(wish.guest_id, RemoveGuest()))
    await controller.send(HOST, late)
    await agent.close()
    await start_agent()
    await controller.send(HOST, late)
    await controller.run(HOST, make_request("another", RemoveGuest()))
    assert not controller.ends_of(late)
    await eventually(lambda: controller.guests() == {})


async def test_a_removal_breaks_off_a_build(controller, start_agent, make_wish, make_request, tmp_path, eventually):
    await start_agent()
    control = FakeControl(tmp_path / "h1" / "driver")
    block = control.block("ensure_guest")
    wish = make_wish()
    build = make_request(wish.guest_id, EnsureGuest(wish=wish))
    await controller.send(HOST, build)
    await eventually(lambda: control.uses(block))
    end = await controller.run(HOST, make_request(wish.guest_id, RemoveGuest()))
    assert end.state == "done"
    assert not controller.ends_of(build)
    await eventually(lambda: controller.guests() == {})
    assert not list((tmp_path / "h1" / "guests").iterdir())


async def test_a_long_step_says_that_it_is_in_hand_and_the_heartbeat_names_it(
    controller, start_agent, make_wish, make_request, tmp_path, eventually
):
    await start_agent()
    FakeControl(tmp_path / "h1" / "driver").block("ensure_guest")
    build = make_request("g1", EnsureGuest(wish=make_wish("g1")))
    await controller.send(HOST, build)
    await eventually(lambda: [r for r in controller.of(StepReport) if r.state == "working"])
    await eventually(lambda: build.operation_id in controller.of(Heartbeat)[-1].working)


async def test_a_step_that_takes_too_long_is_late_whatever_the_clock_says(
    controller, start_agent, make_wish, make_request, tmp_path
):
    await start_agent()
    block = FakeControl(tmp_path / "h1" / "driver").block("ensure_guest")
    assert block
    elsewhere = time.time() + 86_400
    late = make_request("g1", EnsureGuest(wish=make_wish("g1")), sent_at=elsewhere, deadline=elsewhere + 0.5)
    end = await controller.run(HOST, late)
    assert (end.error.code, end.error.retryable) == ("late", False)


@pytest.mark.parametrize("hours", [-1000, 1000])
async def test_a_controller_with_another_clock_is_obeyed(hours, controller, start_agent, make_wish, make_request):
    await start_agent()
    there = time.time() + hours * 3600
    request = make_request("g1", EnsureGuest(wish=make_wish("g1")), sent_at=there, deadline=there + 60)
    assert (await controller.run(HOST, request)).state == "done"


async def test_a_question_whose_time_is_over_changes_nothing(
    controller, start_agent, make_wish, make_request, tmp_path
):
    await start_agent()
    now = time.time()
    request = make_request("g1", EnsureGuest(wish=make_wish("g1")), sent_at=now, deadline=now - 1)
    assert (await controller.run(HOST, request)).error.code == "late"
    assert not list((tmp_path / "h1" / "guests").iterdir())


async def test_an_agent_killed_in_the_middle_of_a_build_finishes_it_when_it_is_back(
    controller, agent_process, make_wish, make_request, tmp_path, eventually
):
    control = FakeControl(tmp_path / "h1" / "driver")
    process = await agent_process()
    block = control.block("ensure_guest")
    wish = make_wish()
    build = make_request(wish.guest_id, EnsureGuest(wish=wish))
    await controller.send(HOST, build)
    await eventually(lambda: control.uses(block))
    assert await process.end(signal.SIGKILL) == -signal.SIGKILL
    control.release(block)
    await process.start()
    half = await eventually(lambda: (controller.guests() or {}).get(wish.guest_id))
    assert half.generation == build.generation
    end = await controller.run(HOST, build)
    assert (end.state, end.power) == ("done", "on")
    assert await process.end() == 0
    await process.start()
    assert (await controller.run(HOST, make_request(wish.guest_id, StopGuest()))).power == "off"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_agent_that_dies_with_its_driver_repeats_the_step(
    when, controller, agent_process, make_wish, make_request, tmp_path
):
    process = await agent_process()
    FakeControl(tmp_path / "h1" / "driver").die("ensure_guest", when)
    build = make_request("g1", EnsureGuest(wish=make_wish("g1")))
    await controller.send(HOST, build)
    await process.process.wait()
    await process.start()
    assert (await controller.run(HOST, build)).state == "done"


async def test_drained_guests_are_reported_as_stopped_by_their_host_and_start_again(
    controller, agent_process, make_wish, make_request, eventually
):
    process = await agent_process()
    wish = make_wish()
    await controller.run(HOST, make_request(wish.guest_id, EnsureGuest(wish=wish)))
    assert await process.end(signal.SIGUSR1) == 0
    assert not controller.of(GuestEventReport)
    controller.reports.clear()
    await process.start()
    state = (await eventually(controller.guests))[wish.guest_id]
    assert (state.power, state.reason) == ("off", "host_stopped")
    await controller.run(HOST, make_request(wish.guest_id, EnsureGuest(wish=wish)))
    await eventually(lambda: controller.guests()[wish.guest_id].power == "on")
    assert controller.guests()[wish.guest_id].reason == ""


async def test_what_happens_to_a_guest_by_itself_is_told(
    controller, start_agent, make_wish, make_request, tmp_path, eventually
):
    await start_agent(heartbeat_seconds=100)
    wish = make_wish()
    await controller.run(HOST, make_request(wish.guest_id, EnsureGuest(wish=wish)))
    FakeControl(tmp_path / "h1" / "driver").crash_guest(wish.guest_id, "struck by lightning")
    (event,) = await eventually(lambda: controller.of(GuestEventReport))
    assert (event.guest.power, event.guest.reason) == ("crashed", "struck by lightning")


async def test_what_happens_during_a_step_is_told_after_it_and_only_if_the_step_did_not_tell(
    controller, start_agent, make_wish, make_request, tmp_path, eventually
):
    await start_agent(heartbeat_seconds=100)
    control = FakeControl(tmp_path / "h1" / "driver")
    for name, step in (("stopped", StopGuest()), ("paused", PauseGuest())):
        await controller.run(HOST, make_request(name, EnsureGuest(wish=make_wish(name))))
        block = control.block("set_power" if name == "stopped" else "pause")
        request = make_request(name, step)
        await controller.send(HOST, request)
        await eventually(lambda block=block: control.uses(block))
        crash = control.crash_guest(name)
        log = tmp_path / "h1" / "driver" / "control-used.jsonl"
        await eventually(lambda crash=crash, log=log: crash in log.read_text())
        control.release(block)
        await eventually(lambda request=request: controller.ends_of(request))
    (event,) = await eventually(lambda: controller.of(GuestEventReport))
    assert (event.guest.guest_id, event.guest.power) == ("paused", "crashed")


async def test_the_host_tells_what_it_has_and_again_when_it_is_not_known(controller, start_agent, eventually):
    await start_agent()
    await eventually(lambda: controller.of(HostReport))
    report = controller.of(HostReport)[0]
    assert report.hostname == "h1"
    assert report.address
    assert "COMPUTE_NODE" in report.inventory.traits
    before = len(controller.of(HostReport))
    controller.knows_host = False
    await eventually(lambda: len(controller.of(HostReport)) > before)


async def test_questions_are_answered_at_once(controller, start_agent, make_wish, make_request, tmp_path):
    await start_agent()
    wish = make_wish()
    await controller.run(HOST, make_request(wish.guest_id, EnsureGuest(wish=wish)))
    assert (await controller.ask(HOST, PingAsk())).error is None
    assert (await controller.ask(HOST, ConsoleLogAsk(server_id=wish.guest_id, max_bytes=1000))).console_log
    assert (await controller.ask(HOST, DiagnosticsAsk(server_id=wish.guest_id))).diagnostics.vcpus == 1
    missing = await controller.ask(HOST, ConsoleLogAsk(server_id="nobody", max_bytes=10))
    assert missing.error.code == "guest_not_found"
    port = msgspec.structs.replace(wish.ports[0], mtu=1400)
    assert (await controller.ask(HOST, WirePortsAsk(server_id=wish.guest_id, ports=(port,)))).error is None
    assert b'"mtu":1400' in (tmp_path / "h1" / "guests" / f"{wish.guest_id}.json").read_bytes()
    assert (await controller.ask(HOST, WirePortsAsk(server_id="nobody", ports=(port,)))).error.code == "guest_not_found"


async def test_driver_errors_keep_their_code_and_unknown_talents_are_unsupported(
    controller, start_agent, make_wish, make_request, tmp_path
):
    await start_agent()
    control = FakeControl(tmp_path / "h1" / "driver")
    control.fail_next("ensure_guest", "no_resources")
    end = await controller.run(HOST, make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    assert (end.error.code, end.error.retryable) == ("no_resources", False)
    control.fail_next("ensure_guest", "transient")
    end = await controller.run(HOST, make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    assert (end.error.code, end.error.retryable) == ("transient", True)
    end = await controller.run(HOST, make_request("nobody", StopGuest()))
    assert end.error.code == "guest_not_found"


async def test_work_goes_on_over_a_restart_of_the_bus(controller, start_agent, make_wish, make_request, eventually):
    await start_agent()
    request = make_request("g1", EnsureGuest(wish=make_wish("g1")))
    await controller.run(HOST, request)
    await controller.server.stop()
    await controller.server.start()
    before = len(controller.of(Heartbeat))
    await eventually(lambda: len(controller.of(Heartbeat)) > before)
    assert (await controller.run(HOST, make_request("g1", StopGuest()))).power == "off"


async def test_many_agents_share_one_process(controller, start_agent, make_wish, make_request):
    names = [f"host{number}" for number in range(10)]
    await asyncio.gather(*(start_agent(name) for name in names))
    requests = [make_request(f"g-{name}", EnsureGuest(wish=make_wish(f"g-{name}"))) for name in names]
    ends = await asyncio.gather(
        *(controller.run(f"id-of-{name}", request) for name, request in zip(names, requests, strict=True))
    )
    assert {end.state for end in ends} == {"done"}
