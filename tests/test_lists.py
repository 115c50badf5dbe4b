"""Lists of servers come from the index: in order, in pages, across cells, and also of a cell that is away."""

from __future__ import annotations

from collections.abc import Callable

from cloud.client import Client
from cloud.simulated import SimulatedCloud
from cloud.waiting import wait_until


def test_a_list_holds_the_servers_of_both_cells(cloud: SimulatedCloud) -> None:
    admin = cloud.admin  # who may name hosts: other tests' failures keep placement away from some for a while
    hosts = [cloud.rows(cell, "select name from hosts order by name")[0][0] for cell in ("cell1", "cell2")]
    made = [admin.create(f"listed-{number}", availability_zone=f"nova:{hosts[number % 2]}") for number in range(6)]
    for server in made:
        admin.wait_for(server, "ACTIVE")
    ids = {server.id for server in made}
    homes = {cell: {row[0] for row in cloud.rows(cell, "select id from servers")} & ids for cell in ("cell1", "cell2")}
    assert all(homes.values()), homes
    assert homes["cell1"] | homes["cell2"] == ids

    assert [one.name for one in admin.servers("name=listed&sort_key=display_name&sort_dir=asc")] == [
        f"listed-{number}" for number in range(6)
    ]
    admin.delete_and_wait(*made)


def test_pages_follow_each_other_without_gap_or_double(cloud: SimulatedCloud) -> None:
    demo = cloud.demo
    made = [demo.create(f"paged-{number}") for number in range(7)]
    for server in made:
        demo.wait_for(server, "ACTIVE")
    assert [one.id for one in demo.servers("name=paged&limit=3")] == [one.id for one in demo.servers("name=paged")]
    assert {one.id for one in demo.servers("name=paged&limit=2")} == {one.id for one in made}
    demo.delete_and_wait(*made)


def test_a_created_server_is_listed_at_once(cloud: SimulatedCloud) -> None:
    server = cloud.demo.create("at-once")
    assert server.id in {one.id for one in cloud.demo.servers()}
    cloud.demo.wait_for(server, "ACTIVE")
    cloud.demo.delete_and_wait(server)


def test_a_cell_that_is_down_still_lists(make_cloud: Callable[..., SimulatedCloud]) -> None:
    cloud = make_cloud(hosts=2)
    demo = cloud.demo
    made = [demo.create(f"kept-{number}") for number in range(4)]
    for server in made:
        demo.wait_for(server, "ACTIVE")
    away = {row[0] for row in cloud.rows("cell2", "select id from servers")}
    assert away
    with cloud.database_away("cell2"):
        wait_until(
            "the cell to be marked as away", lambda: {one.status for one in demo.servers()} == {"ACTIVE", "UNKNOWN"}
        )
        listed = {one.id: one.status for one in demo.servers()}
        assert listed.keys() == {one.id for one in made}
        assert {server for server, status in listed.items() if status == "UNKNOWN"} == away
        for server in made:
            assert demo.show(server).status == listed[server.id]
        fresh = wait_until("the rest of the cloud to go on", lambda: _created(demo, "elsewhere"))
        demo.wait_for(fresh, "ACTIVE")
    wait_until("the cell to be back", lambda: {one.status for one in demo.servers()} == {"ACTIVE"})
    demo.delete_and_wait(*made, fresh)


def _created(demo: Client, name: str) -> str:
    """The id of a new server; empty while the cell that is away is still taken for alive."""
    answer = demo.send("POST", "/compute/v2.1/servers", json=demo.server_body(name))
    return str(answer.json()["server"]["id"]) if answer.status_code == 202 else ""
