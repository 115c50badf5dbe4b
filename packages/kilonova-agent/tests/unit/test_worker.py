"""Lanes, gates, failures: the worker on a fake host."""

import asyncio
import errno
import os

import msgspec
import pytest
from kilonova_agent.errors import StepFailure
from kilonova_driver.errors import GuestNotFound
from kilonova_messages.steps import EnsureGuest, PauseGuest, RebootGuest, RemoveGuest, StopGuest


async def test_one_guest_is_never_worked_on_twice_at_once(house, make_wish, make_request, eventually):
    wish = make_wish("g1")
    requests = [make_request("g1", EnsureGuest(wish=wish)), make_request("g1", PauseGuest())]
    block = house.control.block("ensure_guest")
    house.worker.take(requests[0])
    await eventually(lambda: house.control.uses(block))
    house.worker.take(requests[1])
    assert not house.ends()
    house.control.release(block)
    await eventually(lambda: house.end_of(requests[1]))
    assert house.end_of(requests[1]).power == "paused"


async def test_only_so_many_guests_are_built_at_once_and_stops_do_not_wait_for_them(
    house, run, make_wish, make_request, eventually
):
    await run(make_request("calm", EnsureGuest(wish=make_wish("calm"))))
    block = house.control.block("ensure_guest")
    builds = [make_request(f"g{number}", EnsureGuest(wish=make_wish(f"g{number}"))) for number in range(4)]
    for build in builds:
        house.worker.take(build)
    await eventually(lambda: house.control.uses(block) == 2)
    assert (await run(make_request("calm", StopGuest()))).power == "off"
    assert house.control.uses(block) == 2
    house.control.release(block)
    await eventually(lambda: all(house.end_of(build) for build in builds))


async def test_what_waits_in_line_is_passed_over_when_something_newer_comes(
    house, make_wish, make_request, eventually, caplog
):
    block = house.control.block("ensure_guest")
    first, stop = make_request("g1", EnsureGuest(wish=make_wish("g1"))), make_request("g1", StopGuest())
    removal = make_request("g1", RemoveGuest())
    house.worker.take(first)
    await eventually(lambda: house.control.uses(block))
    house.worker.take(stop)
    house.worker.take(removal)
    await eventually(lambda: house.end_of(removal))
    assert set(house.ends()) == {removal.operation_id}
    assert "ensure_guest is broken off" in caplog.text
    assert "stop_guest is older" in caplog.text


async def test_what_is_broken_off_before_it_began_is_in_hand_no_more(house, make_wish, make_request, eventually):
    build, removal = make_request("g1", EnsureGuest(wish=make_wish("g1"))), make_request("g1", RemoveGuest())
    house.worker.take(build)
    await asyncio.sleep(0)  # its lane has made it a task, which has not run yet
    house.worker.take(removal)
    await eventually(lambda: house.end_of(removal))
    await eventually(lambda: not house.worker.is_busy("g1"))
    assert house.worker.in_hand() == ()
    assert build.operation_id not in house.ends()


async def test_a_removal_under_way_is_not_broken_off_by_another(house, run, make_wish, make_request, eventually):
    await run(make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    block = house.control.block("remove_guest")
    first, second = make_request("g1", RemoveGuest()), make_request("g1", RemoveGuest())
    house.worker.take(first)
    await eventually(lambda: house.control.uses(block))
    house.worker.take(second)
    house.control.release(block)
    await eventually(lambda: house.end_of(first) and house.end_of(second))


async def test_the_log_lines_of_a_step_name_whose_they_are(house, run, make_wish, make_request, capsys):
    from kilonova_kit.logs import configure_logging

    configure_logging("text", "INFO")
    house.control.fail_next("ensure_guest", "no_resources")
    await run(make_request("g1", EnsureGuest(wish=make_wish("g1")), action_id="a-9", request_id="req-9"))
    line = next(line for line in capsys.readouterr().err.splitlines() if "no_resources" in line)
    for words in ("request_id=req-9", "project_id=p1", "server_id=g1", "action_id=a-9"):
        assert words in line


async def test_an_unexpected_error_is_internal_and_logged_with_its_traceback(
    house, run, make_wish, make_request, monkeypatch, caplog
):
    async def broken(*_):
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(house.driver, "ensure_guest", broken)
    end = await run(make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    assert end.error.code == "internal"
    assert "Traceback" in caplog.text


async def test_a_full_disk_fails_the_step_by_its_own_code(house, run, make_wish, make_request, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        end = await run(make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    assert (end.error.code, end.error.retryable) == ("disk_full", False)
    assert (await run(make_request("g1", RemoveGuest()))).state == "done"


async def test_a_passing_failure_of_the_network_is_tried_again(house, run, make_wish, make_request):
    house.network.failures = 2
    assert (await run(make_request("g1", EnsureGuest(wish=make_wish("g1"))))).state == "done"


async def test_a_lasting_failure_of_the_network_is_told_and_the_rest_can_be_removed(
    house, run, make_wish, make_request
):
    house.network.failures = 3
    end = await run(make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    assert (end.error.code, end.error.retryable, end.power) == ("network", True, "")
    assert (await run(make_request("g1", RemoveGuest()))).state == "done"
    assert await house.network.ports() == ()


async def test_a_removal_that_fails_half_way_keeps_the_record_and_ends_when_asked_again(
    house, run, make_wish, make_request
):
    await run(make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    house.network.failures = 3
    end = await run(make_request("g1", RemoveGuest()))
    assert (end.error.code, end.error.retryable) == ("network", True)
    assert house.host.records.get("g1") is not None
    assert (await run(make_request("g1", RemoveGuest()))).state == "done"
    assert house.host.records.get("g1") is None
    assert await house.network.ports() == ()


async def test_a_port_that_is_wished_no_more_is_unwired(house, run, make_wish, make_request):
    wish = make_wish("g1")
    await run(make_request("g1", EnsureGuest(wish=wish)))
    await run(make_request("g1", EnsureGuest(wish=msgspec.structs.replace(wish, ports=()))))
    assert await house.network.ports() == ()


async def test_a_port_that_is_wished_no_more_is_unwired_also_when_the_first_try_failed(
    house, run, make_wish, make_request
):
    wish = make_wish("g1")
    await run(make_request("g1", EnsureGuest(wish=wish)))
    house.control.fail_next("ensure_guest", "transient")
    smaller = msgspec.structs.replace(wish, ports=())
    assert (await run(make_request("g1", EnsureGuest(wish=smaller)))).state == "failed"
    assert (await run(make_request("g1", EnsureGuest(wish=smaller)))).state == "done"
    assert await house.network.ports() == ()


async def test_a_host_that_cannot_say_what_is_wired_fails_the_removal_by_the_networks_code(
    house, run, make_wish, make_request
):
    await run(make_request("g1", EnsureGuest(wish=make_wish("g1", ports=()))))
    house.network.failures = 3
    end = await run(make_request("g1", RemoveGuest()))
    assert (end.error.code, end.error.retryable) == ("network", True)


async def test_a_guest_that_was_lost_with_its_disks_is_not_silently_made_anew(house, run, make_wish, make_request):
    wish = make_wish("g1")
    await run(make_request("g1", EnsureGuest(wish=wish)))
    await house.driver.remove_guest(_order(house), "g1")
    end = await run(make_request("g1", EnsureGuest(wish=wish)))
    assert end.error.code == "guest_not_found"
    with pytest.raises(GuestNotFound):
        await house.driver.get_guest("g1")


def _order(house):
    from kilonova_driver.types.orders import Order

    return Order(operation_id="by hand", generation=house.host.records.generation("g1"))


async def test_a_guest_that_is_off_is_rebooted_into_its_newest_wish(house, run, make_wish, make_request):
    wish = make_wish("g1")
    await run(make_request("g1", EnsureGuest(wish=wish, power="off")))
    await house.network.remove_port("port-g1")
    assert (await run(make_request("g1", RebootGuest(wish=wish)))).power == "on"
    assert [port.port_id for port in await house.network.ports()] == ["port-g1"]


async def test_a_wish_for_another_guest_is_refused(house, run, make_wish, make_request):
    end = await run(make_request("g1", EnsureGuest(wish=make_wish("g2"))))
    assert end.error.code == "invalid_spec"
    assert await house.driver.list_guests() == ()


async def test_work_between_steps_has_the_guest_for_itself(house, make_wish, make_request, eventually):
    block = house.control.block("ensure_guest")
    house.worker.take(make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    await eventually(lambda: house.control.uses(block))
    seen = []

    async def look():
        seen.append(house.host.records.get("g1").made)

    task = asyncio.create_task(house.worker.alone("g1", look))
    await asyncio.sleep(0)
    assert not seen
    house.control.release(block)
    await task
    assert seen == [True]


async def test_nothing_is_begun_once_it_is_closed(house):
    begun = []

    async def begin():
        begun.append(1)

    await house.worker.close()
    with pytest.raises(StepFailure, match="stopping"):
        await house.worker.alone("g1", begin)
    assert not begun
    assert not house.worker.is_busy("g1")


async def test_closing_breaks_everything_off_and_reports_nothing(house, make_wish, make_request, eventually):
    block = house.control.block("ensure_guest")
    house.worker.take(make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    await eventually(lambda: house.control.uses(block))
    await house.worker.close()
    assert not house.ends()
    assert house.worker.in_hand() == ()
