"""Things that are away for a while: the bus, a database, the disk. What waits goes on; what cannot wait says why."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cloud.client import reasons
from cloud.joined import JoinedHost
from cloud.simulated import SimulatedCloud

MakeCloud = Callable[..., SimulatedCloud]


def test_a_bus_that_is_away_for_a_while_only_delays(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=2)
    demo, steady = cloud.demo, cloud.demo.create_active("steady")
    (nats,) = cloud.processes("nats")
    os.kill(nats.pid, signal.SIGSTOP)
    try:
        demo.do(steady, "os-stop")
        assert demo.show(steady).task_state == "powering-off"
        made = demo.create("patient")
        assert demo.show(made).status == "BUILD"
        assert {one.id for one in demo.servers()} == {steady.id, made.id}
    finally:
        os.kill(nats.pid, signal.SIGCONT)
    demo.wait_for(steady, "SHUTOFF")
    demo.wait_for(made, "ACTIVE")
    cloud.wait_back("nats", cloud.kill("nats"))
    demo.do(steady, "os-start")
    demo.wait_for(steady, "ACTIVE")


def test_a_database_that_is_locked_for_a_moment_only_delays(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=2)
    made = [cloud.demo.create(f"locked-{number}") for number in range(2)]
    with cloud.database_locked("cell1"), cloud.database_locked("cell2"):
        assert {one.name for one in cloud.demo.servers()} == {"locked-0", "locked-1"}
    for server in made:
        cloud.demo.wait_for(server, "ACTIVE")


def test_a_cell_whose_database_stays_locked_is_told_and_the_other_goes_on(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=2)
    demo, admin = cloud.demo, cloud.admin
    here, there = (admin.create_active(f"on-{host}", host=host) for host in ("host1", "host2"))
    with cloud.database_locked("cell1"):
        refused = admin.act(here, "os-stop")
        assert refused.status_code == 503
        assert "cell1" in refused.text
        admin.do(there, "os-stop")
        admin.wait_for(there, "SHUTOFF")
        assert admin.show(here).status == "ACTIVE"  # reading goes on
    admin.do(here, "os-stop")
    admin.wait_for(here, "SHUTOFF")
    assert demo.servers() == []


def test_an_agent_with_a_wrong_clock_works_all_the_same(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=1, cells=1)
    for name, off in (("fast", 7200.0), ("slow", -7200.0)):
        host = JoinedHost(cloud, name, clock_off=off)
        host.join()
        host.start()
        try:
            host.wait_in()
            server = cloud.admin.create_active(f"on-{name}", host=name)
            for verb, status in (("os-stop", "SHUTOFF"), ("os-start", "ACTIVE")):
                cloud.admin.do(server, verb)
                cloud.admin.wait_for(server, status)
            assert server.id in host.guests()
            assert f"the clock of host {name} is off" in cloud.log("controller")
            cloud.admin.delete_and_wait(server)
            assert host.guests() == {}
        finally:
            host.end()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0711", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(ballast: Path) -> None:
    """Write until there is no room for another byte."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        for size in (65536, 512, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    continue


def test_a_host_whose_disk_is_full_says_so_and_the_rest_goes_on(make_cloud: MakeCloud, small_disk: Path) -> None:
    cloud = make_cloud(hosts=1, cells=1)
    host = JoinedHost(cloud, "full")
    host.data.parent.mkdir(parents=True, exist_ok=True)
    host.data.symlink_to(small_disk)
    host.join()
    host.start()
    try:
        host.wait_in()
        before = cloud.admin.create_active("before", host="full")
        ballast = small_disk / "ballast"
        _fill(ballast)
        server = cloud.admin.create("too-much", host="full")
        action = cloud.admin.wait_failed(server, "create")
        assert "full" in reasons(action)
        assert cloud.admin.show(server).status == "ERROR"
        assert cloud.claims_of(server.id) == []
        assert cloud.admin.create_active("elsewhere", host=cloud.host_names[0]).id
        ballast.unlink()
        assert cloud.admin.wait_for(before, "ACTIVE")
        again = cloud.admin.create_active("again", host="full")
        cloud.admin.delete_and_wait(before, again)
    finally:
        host.end()
