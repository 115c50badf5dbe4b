"""The life of servers, on two live cells."""

from __future__ import annotations

from cloud.client import event_results
from cloud.simulated import SimulatedCloud


def test_a_server_lives(cloud: SimulatedCloud) -> None:
    demo = cloud.demo
    server = demo.create_active("life")
    guest = cloud.host_of(server)
    assert server.id in guest.guests()

    for verb, value, status in (
        ("os-stop", None, "SHUTOFF"),
        ("os-start", None, "ACTIVE"),
        ("reboot", {"type": "SOFT"}, "ACTIVE"),
        ("reboot", {"type": "HARD"}, "ACTIVE"),
        ("pause", None, "PAUSED"),
        ("unpause", None, "ACTIVE"),
    ):
        demo.do(server, verb, value)
        demo.wait_for(server, status)

    demo.delete_and_wait(server)
    assert server.id not in guest.guests()
    assert server.id not in {one.id for one in demo.servers()}


def test_its_actions_tell_what_was_done(cloud: SimulatedCloud) -> None:
    demo = cloud.demo
    server = demo.create_active("told")
    demo.do(server, "os-stop")
    demo.wait_for(server, "SHUTOFF")
    assert [one["action"] for one in demo.actions(server)] == ["stop", "create"]
    created = demo.action(server, "create")
    assert created["message"] is None
    assert set(event_results(created).values()) == {"Success"}
    demo.delete_and_wait(server)


def test_several_servers_are_asked_for_at_once(cloud: SimulatedCloud) -> None:
    demo = cloud.demo
    demo.create("many", min_count=3, max_count=5)
    made = demo.servers("name=many-")
    assert sorted(one.name for one in made) == [f"many-{number}" for number in range(1, 6)]
    for server in made:
        demo.wait_for(server, "ACTIVE")
    demo.delete_and_wait(*made)


def test_a_locked_server_obeys_only_administrators(cloud: SimulatedCloud) -> None:
    demo = cloud.demo
    server = demo.create_active("locked")
    demo.do(server, "lock")
    assert demo.act(server, "os-stop").status_code == 409
    assert demo.send("DELETE", f"/compute/v2.1/servers/{server.id}").status_code == 409
    demo.do(server, "unlock")
    demo.do(server, "os-stop")
    demo.wait_for(server, "SHUTOFF")
    demo.delete_and_wait(server)


def test_what_its_state_forbids_is_refused(cloud: SimulatedCloud) -> None:
    demo = cloud.demo
    server = demo.create_active("firm")
    assert demo.act(server, "os-start").status_code == 409
    assert demo.act(server, "unpause").status_code == 409
    demo.delete_and_wait(server)


def test_a_server_is_deleted_while_it_is_built(cloud: SimulatedCloud) -> None:
    demo = cloud.demo
    server = demo.create("hasty fake:block=ensure_guest")
    cloud.wait_for_guest_in_hand(server.id)
    demo.delete_and_wait(server)
    assert all(server.id not in host.guests() for host in cloud.all_hosts())
    assert not cloud.claims_of(server.id)


def test_deleting_twice_is_no_error(cloud: SimulatedCloud) -> None:
    demo = cloud.demo
    server = demo.create_active("twice")
    path = f"/compute/v2.1/servers/{server.id}"
    assert {demo.send("DELETE", path).status_code for _ in range(3)} <= {204, 404}
    demo.wait_gone(server)


def test_a_guest_that_turns_itself_off_makes_its_server_shutoff(cloud: SimulatedCloud) -> None:
    demo = cloud.demo
    server = demo.create_active("sleepy")
    cloud.host_of(server).control.power_off_guest(server.id)
    demo.wait_for(server, "SHUTOFF")
    demo.delete_and_wait(server)


def test_a_strangers_server_is_not_found(cloud: SimulatedCloud) -> None:
    server = cloud.admin.create_active("mine alone")
    assert cloud.demo.refused("GET", f"/compute/v2.1/servers/{server.id}").status_code == 404
    assert cloud.demo.act(server, "os-stop").status_code == 404
    cloud.admin.delete_and_wait(server)
