"""The record of what was done to a server."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from compute_world import World
from kilonova_messages.steps import StepError


@pytest.fixture
async def server_id(world: World) -> str:
    made = await world.boot()
    await world.act("alice", made, {"os-stop": None})
    await world.settle()
    return made


async def test_actions_are_listed_the_newest_first(world: World, server_id: str) -> None:
    old = (await world.get("alice", f"/servers/{server_id}/os-instance-actions"))["instanceActions"]
    assert [action["action"] for action in old] == ["stop", "create"]
    assert set(old[0]) == {
        "action", "instance_uuid", "request_id", "user_id", "project_id", "start_time", "message",
    }  # fmt: skip
    new = (await world.get("alice", f"/servers/{server_id}/os-instance-actions", "2.58"))["instanceActions"]
    assert "updated_at" in new[0]


async def test_actions_are_paged_from_2_58_on(world: World, server_id: str) -> None:
    url = f"/servers/{server_id}/os-instance-actions"
    first = await world.get("alice", f"{url}?limit=1", "2.58")
    assert [action["action"] for action in first["instanceActions"]] == ["stop"]
    (link,) = first["links"]
    second = await world.get("alice", link["href"].removeprefix("http://cloud/compute/v2.1"), "2.58")
    assert [action["action"] for action in second["instanceActions"]] == ["create"]
    future = quote("2099-01-01T00:00:00+00:00")
    assert (await world.get("alice", f"{url}?changes-since={future}", "2.58"))["instanceActions"] == []
    assert len((await world.get("alice", f"{url}?changes-before={future}", "2.66"))["instanceActions"]) == 2
    for query in ("limit=x", "marker=req-none", "changes-since=soon", "unknown=1"):
        assert (await world.ask("alice", "GET", f"{url}?{query}", version="2.58")).status == 400, query


async def test_an_action_shows_its_events_by_role_and_version(world: World, server_id: str) -> None:
    url = f"/servers/{server_id}/os-instance-actions"
    request_id = (await world.get("alice", url))["instanceActions"][0]["request_id"]
    url = f"{url}/{request_id}"
    assert "events" not in (await world.get("alice", url, "2.50"))["instanceAction"]
    (event,) = (await world.get("alice", url, "2.51"))["instanceAction"]["events"]
    assert (event["event"], event["result"]) == ("compute_stop_instance", "Success")
    assert "traceback" not in event
    assert "hostId" not in event
    (event,) = (await world.get("alice", url, "2.62"))["instanceAction"]["events"]
    assert len(event["hostId"]) == 56
    assert "host" not in event
    (event,) = (await world.get("admin", url, "2.1"))["instanceAction"]["events"]
    assert event["traceback"] is None
    (event,) = (await world.get("admin", url, "2.84"))["instanceAction"]["events"]
    assert (event["host"], event["details"]) == ("alpha", None)
    created = (await world.get("alice", f"/servers/{server_id}/os-instance-actions"))["instanceActions"][1][
        "request_id"
    ]
    whole = await world.get("admin", f"/servers/{server_id}/os-instance-actions/{created}", "2.62")
    assert [(event["event"], event["host"]) for event in whole["instanceAction"]["events"]] == [
        ("compute__do_build_and_run_instance", "alpha"),
        ("compute_allocate_network", "controller-1"),
        ("conductor_schedule_and_build_instances", "controller-1"),
    ]
    reply = await world.ask("alice", "GET", f"/servers/{server_id}/os-instance-actions/req-none")
    assert (reply.status, reply.message()) == (404, "Action req-none not found")


async def test_a_failed_action_says_so(world: World) -> None:
    refusal = StepError(code="invalid_spec", message="this guest cannot be")
    world.hosts.refusals = {f"id-{name}": refusal for name in world.host_cells}
    server_id = await world.boot()
    url = f"/servers/{server_id}/os-instance-actions"
    (action,) = (await world.get("alice", url))["instanceActions"]
    assert (action["action"], action["message"]) == ("create", "Error")
    shown = (await world.get("admin", f"{url}/{action['request_id']}", "2.84"))["instanceAction"]
    assert shown["events"][0]["result"] == "Error"
    assert shown["events"][0]["traceback"] == "this guest cannot be"
    fault = (await world.get("alice", f"/servers/{server_id}"))["server"]["fault"]
    assert fault["message"] == "this guest cannot be"


async def test_the_actions_of_a_deleted_server_can_be_read_from_2_21_on(world: World, server_id: str) -> None:
    await world.ask("alice", "DELETE", f"/servers/{server_id}")
    await world.settle()
    url = f"/servers/{server_id}/os-instance-actions"
    assert (await world.ask("alice", "GET", url, version="2.20")).status == 404
    actions = (await world.get("alice", url, "2.21"))["instanceActions"]
    assert [action["action"] for action in actions] == ["delete", "stop", "create"]
