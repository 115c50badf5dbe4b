"""A cloud that cannot do something says so, in words that help: on the server, and on its action."""

from __future__ import annotations

from cloud.client import reasons
from cloud.simulated import SimulatedCloud


def test_what_fits_nowhere_explains_itself(cloud: SimulatedCloud) -> None:
    admin = cloud.admin
    wanted = {"name": "giant", "vcpus": 100_000, "ram": 512, "disk": 1}
    flavor = admin.ask("POST", "/compute/v2.1/flavors", json={"flavor": wanted})["flavor"]["id"]
    server = cloud.demo.create("giant", flavor=flavor)
    shown = cloud.demo.show(server)
    assert shown.status == "ERROR"
    assert "VCPU" in shown.reason
    assert str(cloud.hosts) in shown.reason  # how many hosts the constraint removed
    assert reasons(admin.action(server, "create")) == shown.reason
    assert cloud.claims_of(server.id) == []
    assert server.id in {one.id for one in cloud.demo.servers("status=ERROR")}
    cloud.demo.delete_and_wait(server)
    admin.ask("DELETE", f"/compute/v2.1/flavors/{flavor}")


def test_a_host_that_does_not_exist_is_named(cloud: SimulatedCloud) -> None:
    body = cloud.admin.server_body("nowhere", host="no-such-host")
    answer = cloud.admin.refused("POST", "/compute/v2.1/servers", json=body)
    assert answer.status_code == 400
    assert "no-such-host" in answer.text


def test_what_does_not_exist_is_refused_before_anything_is_made(cloud: SimulatedCloud) -> None:
    demo, nothing = cloud.demo, "00000000-0000-4000-8000-000000000000"
    for body in (
        demo.server_body("x", image=nothing),
        demo.server_body("x", flavor=nothing),
        demo.server_body("x", networks=[{"uuid": nothing}]),
        demo.server_body("x", key_name="no-such-key"),
    ):
        assert demo.refused("POST", "/compute/v2.1/servers", json=body).status_code == 400
    assert "x" not in {one.name for one in demo.servers()}


def test_without_a_token_there_is_no_answer(cloud: SimulatedCloud) -> None:
    for path in ("/compute/v2.1/servers", "/image/v2/images", "/network/v2.0/networks", "/placement/native/v1/claims"):
        assert cloud.demo.send("GET", path, headers={"X-Auth-Token": "nonsense"}).status_code == 401


def test_placement_is_not_for_everybody(cloud: SimulatedCloud) -> None:
    assert cloud.demo.send("GET", "/placement/native/v1/claims").status_code == 403
