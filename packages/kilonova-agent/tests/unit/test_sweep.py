"""Putting a host in order after a sudden death, and taking its guests down with it."""

import errno

import msgspec
from kilonova_agent import records
from kilonova_agent.draining import drain
from kilonova_agent.guest_states import all_guest_states
from kilonova_agent.records import GuestRecord
from kilonova_agent.sweep import sweep
from kilonova_driver.driver import PowerTarget
from kilonova_driver.types.guests import GuestSpec
from kilonova_driver.types.orders import Order
from kilonova_messages.steps import EnsureGuest


def order(number=1):
    return Order(operation_id=f"op-{number}", generation=number)


async def test_ports_and_drives_of_no_guest_go(house, make_wish, tmp_path):
    await house.network.ensure_port("gone", make_wish("gone").ports[0])
    (tmp_path / "drives" / "gone.iso").write_bytes(b"old")
    await sweep(house.host, tmp_path / "boot", "boot-1")
    assert await house.network.ports() == ()
    assert house.host.drives.guest_ids() == ()


async def test_a_record_whose_guest_never_came_is_kept_and_told(house, make_wish, tmp_path):
    wish = make_wish("g1")
    house.host.records.put(GuestRecord(guest_id="g1", generation=7, wish=wish))
    await house.network.ensure_port("g1", wish.ports[0])
    await sweep(house.host, tmp_path / "boot", "boot-1")
    (state,) = await all_guest_states(house.host)
    assert (state.guest_id, state.generation, state.power, state.reason) == ("g1", 7, "off", "half made")
    assert len(await house.network.ports()) == 1


async def test_a_guest_without_a_record_is_kept_and_told(house, tmp_path):
    spec = GuestSpec(guest_id="g1", name="x", vcpus=1, memory_mib=1)
    await house.driver.ensure_guest(order(3), spec, PowerTarget.ON)
    await sweep(house.host, tmp_path / "boot", "boot-1")
    (state,) = await all_guest_states(house.host)
    assert (state.guest_id, state.generation, state.power) == ("g1", 3, "on")


async def test_a_lost_guest_is_not_told_of(house, make_wish, tmp_path):
    house.host.records.put(GuestRecord(guest_id="g1", generation=7, wish=make_wish("g1"), made=True, power="on"))
    await sweep(house.host, tmp_path / "boot", "boot-1")
    assert await all_guest_states(house.host) == ()


async def test_missing_taps_of_a_running_guest_come_back(house, run, make_wish, make_request, tmp_path):
    wish = make_wish("g1")
    await run(make_request("g1", EnsureGuest(wish=wish)))
    await run(make_request("g2", EnsureGuest(wish=make_wish("g2"), power="off")))
    await house.network.tear_down()
    await sweep(house.host, tmp_path / "boot", "boot-1")
    assert [port.port_id for port in await house.network.ports()] == ["port-g1"]


async def test_a_guest_that_went_down_with_the_machine_is_told_as_such(house, run, make_wish, make_request, tmp_path):
    await run(make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    await run(make_request("g2", EnsureGuest(wish=make_wish("g2"), power="off")))
    await sweep(house.host, tmp_path / "boot", "boot-1")
    house.control.crash_guest("g1")
    house.driver._look_at_control()
    await sweep(house.host, tmp_path / "boot", "boot-2")
    states = {state.guest_id: state for state in await all_guest_states(house.host)}
    assert (states["g1"].power, states["g1"].reason) == ("off", "host_stopped")
    assert states["g2"].reason == ""


async def test_a_broken_network_does_not_keep_the_host_down(house, make_wish, tmp_path, caplog):
    await house.network.ensure_port("gone", make_wish("gone").ports[0])
    house.network.failures = 10
    await sweep(house.host, tmp_path / "boot", "boot-1")
    assert "could not be put in order" in caplog.text


async def test_one_port_that_cannot_be_wired_leaves_no_other_guest_unwired(
    house, run, make_wish, make_request, tmp_path, caplog
):
    for name in ("g1", "g2"):
        await run(make_request(name, EnsureGuest(wish=make_wish(name))))
    await house.network.tear_down()
    house.network.refused = "port-g1"
    await sweep(house.host, tmp_path / "boot", "boot-1")
    assert [port.port_id for port in await house.network.ports()] == ["port-g2"]
    assert "guest g1 is not wired" in caplog.text


async def test_a_guest_that_would_not_stop_with_its_host_has_not_gone_down_with_it(
    house, run, make_wish, make_request, tmp_path
):
    await run(make_request("g1", EnsureGuest(wish=make_wish("g1"))))
    house.control.fail_next("set_power", "internal", guest_id="g1")
    assert await drain(house.host, 1.0) == ("g1",)
    await sweep(house.host, tmp_path / "boot", "boot-1")
    house.control.power_off_guest("g1")  # its owner, much later
    house.driver._look_at_control()
    (state,) = await all_guest_states(house.host)
    assert (state.power, state.reason) == ("off", "powered off from inside")


async def test_a_full_disk_keeps_no_guest_from_going_down_with_its_host(
    house, run, make_wish, make_request, monkeypatch, caplog
):
    await run(make_request("g1", EnsureGuest(wish=make_wish("g1"))))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(records, "write_private", full)
    assert await drain(house.host, 1.0) == ()
    assert (await house.driver.get_guest("g1")).power == "off"
    assert "cannot be written down" in caplog.text


async def test_draining_marks_before_it_stops_and_names_who_would_not(house, run, make_wish, make_request):
    for name in ("g1", "g2", "g3"):
        await run(make_request(name, EnsureGuest(wish=make_wish(name))))
    house.control.fail_next("set_power", "internal", guest_id="g2")
    assert await drain(house.host, 1.0) == ("g2",)
    assert all(house.host.records.get(name).host_stopped for name in ("g1", "g2", "g3"))
    states = {state.guest_id: (state.power, state.reason) for state in await all_guest_states(house.host)}
    assert states["g1"] == ("off", "host_stopped")
    assert states["g2"] == ("on", "")


async def test_a_drained_guest_that_is_started_again_is_as_any_other(house, run, make_wish, make_request):
    wish = make_wish("g1")
    await run(make_request("g1", EnsureGuest(wish=wish)))
    await drain(house.host, 1.0)
    await run(make_request("g1", EnsureGuest(wish=wish)))
    (state,) = await all_guest_states(house.host)
    assert (state.power, state.reason) == ("on", "")
    assert not house.host.records.get("g1").host_stopped
    assert msgspec.structs.replace(state, generation=0).guest_id == "g1"
