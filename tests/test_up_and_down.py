"""A cloud is ended and started again, cleanly and otherwise, and nothing is lost in between."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cloud.simulated import PARTS, SimulatedCloud
from cloud.waiting import wait_until
from kilonova_driver.types.guests import Power

MakeCloud = Callable[..., SimulatedCloud]


def test_what_ran_runs_again_after_down_and_up(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=2)
    demo = cloud.demo
    runs, stopped = demo.create_active("runs"), demo.create_active("stopped")
    demo.do(stopped, "os-stop")
    demo.wait_for(stopped, "SHUTOFF")
    host = cloud.host_of(runs)

    cloud.down()
    assert all(cloud.processes(part) == [] for part in PARTS)
    assert host.guests()[runs.id] is Power.OFF

    cloud.up()
    wait_until("the guest that ran to run again", lambda: host.guests()[runs.id] is Power.ON)
    demo.wait_for(runs, "ACTIVE")
    demo.wait_for(stopped, "SHUTOFF")
    assert {one["name"] for one in demo.get("/network/v2.0/networks")["networks"]} == {"private"}
    demo.delete_and_wait(runs, stopped)


def test_guests_live_on_when_everything_else_is_killed(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=2)
    server = cloud.demo.create_active("survivor")
    host = cloud.host_of(server)
    for part in ("controller", "agent"):
        cloud.kill(part)
    cloud.up()
    assert cloud.demo.wait_for(server, "ACTIVE").id in host.guests()
    cloud.demo.do(server, "os-stop")
    cloud.demo.wait_for(server, "SHUTOFF")


def test_work_in_flight_goes_on_when_the_controller_is_killed(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=2)
    built = cloud.demo.create("slow fake:block=ensure_guest")
    host = cloud.wait_for_guest_in_hand(built.id)
    deleted = cloud.demo.create_active("to-go")
    fault = cloud.host_of(deleted).control.block("remove_guest", guest_id=deleted.id)
    cloud.demo.delete(deleted)
    other = cloud.wait_for_guest_in_hand(deleted.id)
    cloud.kill("controller")
    host.control.release(f"{built.id}/block")
    other.control.release(fault)
    cloud.up()
    cloud.demo.wait_for(built, "ACTIVE")
    cloud.demo.wait_gone(deleted)
    assert cloud.doubles() == []


def test_agents_and_bus_come_back_by_themselves(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=2)
    server = cloud.demo.create_active("steady")
    for part in ("agent", "nats"):
        cloud.wait_back(part, cloud.kill(part))
        cloud.demo.do(server, "reboot", {"type": "HARD"})
        cloud.demo.wait_for(server, "ACTIVE")


def test_two_clouds_run_beside_each_other(make_cloud: MakeCloud) -> None:
    one, other = make_cloud(hosts=1, cells=1), make_cloud(hosts=1, cells=1)
    server = one.demo.create_active("in-one")
    assert other.demo.servers() == []
    assert other.demo.send("GET", "/compute/v2.1/servers", headers={"X-Auth-Token": one.demo.token}).status_code == 401
    one.down()
    assert other.demo.create_active("in-other").id not in {server.id}
    assert all(other.processes(part) for part in PARTS)


def test_a_second_up_says_that_it_runs_already(cloud: SimulatedCloud) -> None:
    done = cloud.command("up", "--data", str(cloud.folder.root), "--detach")
    assert done.returncode == 1
    assert "is running already" in done.stderr


def test_a_taken_port_is_named(cloud: SimulatedCloud, tmp_path: Path) -> None:
    done = cloud.command("up", "--data", str(tmp_path / "x"), "--listen", f"127.0.0.1:{cloud.port}", "--detach")
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{cloud.port}" in done.stderr


def test_what_holds_a_secret_is_for_its_owner_only(cloud: SimulatedCloud) -> None:
    secrets = cloud.folder.secrets()
    words = [secrets.admin_password, secrets.demo_password, secrets.service_password, secrets.ticket_secret]
    open_to_others = []
    for folder, _, names in os.walk(cloud.folder.root):
        for name in names:
            path = Path(folder) / name
            readable = path.is_file() and path.stat().st_mode & (stat.S_IROTH | stat.S_IRGRP)
            if readable and any(word.encode() in path.read_bytes() for word in words):
                open_to_others.append(path)
    assert open_to_others == []
    assert cloud.folder.clouds_yaml.stat().st_mode & 0o777 == 0o600
    assert not any(word in cloud.log("controller") for word in words)


def test_status_names_the_hosts(cloud: SimulatedCloud) -> None:
    done = cloud.command("status", "--data", str(cloud.folder.root))
    assert done.returncode == 0, done.stderr
    assert "ready" in done.stdout


def test_explain_tells_the_story_of_a_server(cloud: SimulatedCloud) -> None:
    server = cloud.demo.create_active("storied")
    done = cloud.command("explain", "--data", str(cloud.folder.root), server.id)
    assert done.returncode == 0, done.stderr
    assert "create" in done.stdout
    assert "Success" in done.stdout
    cloud.demo.delete_and_wait(server)
