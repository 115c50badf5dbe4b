"""Hosts that fail on order: each failure is a reason on the server's action, and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloud.client import Server, reasons
from cloud.simulated import SimulatedCloud

_FINAL = ("invalid_spec", "unsupported", "conflict", "internal", "no_resources")


@pytest.fixture
def server(cloud: SimulatedCloud) -> Iterator[Server]:
    """One that runs, and is deleted afterwards."""
    made = cloud.demo.create_active("subject")
    yield made
    cloud.demo.delete_and_wait(made)


@pytest.mark.parametrize(("code", "broken"), [("no_resources", ("host1", "host2")), ("internal", ("host3", "host4"))])
def test_a_server_whose_host_fails_is_built_on_another(
    cloud: SimulatedCloud, code: str, broken: tuple[str, str]
) -> None:
    """One host of each cell fails everything, the other one does not; others each time: who has failed is avoided."""
    faults = {name: cloud.host(name).control.fail_next("ensure_guest", code, times=0) for name in broken}
    made = [cloud.demo.create(f"elsewhere-{number}") for number in range(4)]
    homes = {server.id: cloud.host_of(cloud.demo.wait_for(server, "ACTIVE")).name for server in made}
    assert sum(cloud.host(name).control.uses(fault) for name, fault in faults.items()) > 0
    for name, fault in faults.items():
        cloud.host(name).control.release(fault)
    for server, home in homes.items():
        assert home not in broken
        assert [host.name for host in cloud.all_hosts() if server in host.guests()] == [home]
        assert [claim["host"] for claim in cloud.claims_of(server)] == [home]
    cloud.demo.delete_and_wait(*made)


@pytest.mark.parametrize("code", _FINAL)
def test_a_build_that_fails_everywhere_says_why_and_holds_nothing(cloud: SimulatedCloud, code: str) -> None:
    server = cloud.demo.create(f"hopeless-{code} fake:fail=ensure_guest:{code}")
    action = cloud.admin.wait_failed(server, "create")
    shown = cloud.demo.show(server)
    assert shown.status == "ERROR"
    assert "ordered to fail" in reasons(action)
    assert shown.reason
    assert cloud.claims_of(server.id) == []
    assert all(server.id not in host.guests() for host in cloud.all_hosts())
    ports = cloud.admin.get(f"/network/v2.0/ports?device_id={server.id}")["ports"]
    assert ports == []
    cloud.demo.delete_and_wait(server)


@pytest.mark.parametrize("code", ["internal", "conflict", "no_resources"])
def test_a_stop_that_fails_says_why_and_leaves_the_server_as_it_is(
    cloud: SimulatedCloud, server: Server, code: str
) -> None:
    cloud.host_of(server).control.fail_next("set_power", code, guest_id=server.id, message=f"no stop: {code}")
    cloud.demo.do(server, "os-stop")
    action = cloud.admin.wait_failed(server, "stop")
    assert reasons(action) == f"no stop: {code}"
    assert cloud.demo.wait_for(server, "ACTIVE").power_state == 1
    cloud.demo.do(server, "os-stop")
    cloud.demo.wait_for(server, "SHUTOFF")


def test_a_server_whose_guest_is_gone_is_in_error_and_says_so(cloud: SimulatedCloud, server: Server) -> None:
    cloud.host_of(server).control.fail_next("set_power", "guest_not_found", guest_id=server.id, message="it is gone")
    cloud.demo.do(server, "os-stop")
    assert reasons(cloud.admin.wait_failed(server, "stop")) == "it is gone"
    assert cloud.demo.show(server).status == "ERROR"
    assert cloud.demo.show(server).reason == "it is gone"


def test_a_passing_fault_is_met_by_asking_again(cloud: SimulatedCloud, server: Server) -> None:
    control = cloud.host_of(server).control
    fault = control.fail_next("set_power", "transient", times=2, guest_id=server.id)
    cloud.demo.do(server, "os-stop")
    cloud.demo.wait_for(server, "SHUTOFF")
    assert control.uses(fault) == 2


def test_a_host_that_dies_in_the_middle_goes_on_where_it_was(cloud: SimulatedCloud, server: Server) -> None:
    control = cloud.host_of(server).control
    control.die("set_power", "after", guest_id=server.id)
    cloud.demo.do(server, "os-stop")
    cloud.demo.wait_for(server, "SHUTOFF")
    control.die("ensure_guest", "before", guest_id=server.id)
    cloud.demo.do(server, "os-start")
    cloud.demo.wait_for(server, "ACTIVE")


def test_a_guest_that_crashes_makes_its_server_shutoff(cloud: SimulatedCloud, server: Server) -> None:
    cloud.host_of(server).control.crash_guest(server.id)
    cloud.demo.wait_for(server, "SHUTOFF")


def test_one_slow_guest_keeps_no_other_waiting(cloud: SimulatedCloud, server: Server) -> None:
    host = cloud.host_of(server)
    fault = host.control.block("set_power", guest_id=server.id)
    cloud.demo.do(server, "os-stop")
    cloud.wait_for_guest_in_hand(server.id)
    others = [cloud.admin.create_active(f"quick-{number}", host=host.name) for number in range(3)]
    assert cloud.demo.show(server).task_state == "powering-off"
    host.control.release(fault)
    cloud.demo.wait_for(server, "SHUTOFF")
    cloud.admin.delete_and_wait(*others)
