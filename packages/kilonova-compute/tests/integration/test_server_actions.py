"""Actions of servers, each as a conversation."""

from __future__ import annotations

from typing import Any

import pytest
from compute_world import WHO, World
from kilonova_compute.app import servers as app
from kilonova_driver.types.guests import Diagnostics
from kilonova_kit.errors import Conflict
from kilonova_kit.ids import new_uuid


async def _state(world: World, server_id: str) -> str:
    return str((await world.get("alice", f"/servers/{server_id}"))["server"]["status"])


@pytest.fixture
async def server_id(world: World) -> str:
    return await world.boot()


async def test_a_server_goes_through_its_states(world: World, server_id: str) -> None:
    for what, status in (
        ({"os-stop": None}, "SHUTOFF"),
        ({"os-start": None}, "ACTIVE"),
        ({"pause": None}, "PAUSED"),
        ({"unpause": None}, "ACTIVE"),
        ({"reboot": {"type": "SOFT"}}, "ACTIVE"),
        ({"reboot": {"type": "Hard"}}, "ACTIVE"),
        ({"os-stop": {}}, "SHUTOFF"),
        ({"reboot": {"type": "hard"}}, "ACTIVE"),
    ):
        reply = await world.act("alice", server_id, what)
        assert (reply.status, reply.body) == (202, b""), what
        await world.settle()
        assert await _state(world, server_id) == status, what


async def test_what_is_being_done_shows(world: World, server_id: str) -> None:
    world.hosts.hold = True
    assert (await world.act("alice", server_id, {"reboot": {"type": "HARD"}})).status == 202
    shown = (await world.get("alice", f"/servers/{server_id}"))["server"]
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("HARD_REBOOT", "rebooting_hard")
    refused = await world.act("alice", server_id, {"os-stop": None})
    assert refused.status == 409
    assert refused.message() == f"Cannot 'stop' instance {server_id} while it is in task_state rebooting_hard"
    world.hosts.open_inboxes()
    await world.settle()
    assert await _state(world, server_id) == "ACTIVE"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"pause": None}, "Cannot 'pause' instance {} while it is in vm_state stopped"),
        ({"unpause": None}, "Cannot 'unpause' instance {} while it is in vm_state stopped"),
        ({"os-stop": None}, "Cannot 'stop' instance {} while it is in vm_state stopped"),
        ({"reboot": {"type": "SOFT"}}, "Cannot 'reboot' instance {} while it is in vm_state stopped"),
        ({"restore": None}, "Cannot 'restore' instance {} while it is in vm_state stopped"),
    ],
)
async def test_the_wrong_state_is_a_conflict_in_the_known_words(
    world: World, server_id: str, what: dict[str, Any], words: str
) -> None:
    await world.act("alice", server_id, {"os-stop": None})
    await world.settle()
    reply = await world.act("alice", server_id, what)
    assert (reply.status, reply.message()) == (409, words.format(server_id))


_REFUSED: list[tuple[dict[str, Any], str, int]] = [
    ({"reboot": {}}, "2.1", 400),
    ({"reboot": {"type": "WARM"}}, "2.1", 400),
    ({"reboot": {"type": "SOFT", "x": 1}}, "2.1", 400),
    ({"reboot": None}, "2.1", 400),
    ({"fly": None}, "2.1", 400),
    ({}, "2.1", 400),
    ({"os-start": None, "os-stop": None}, "2.1", 400),
    ({"trigger_crash_dump": None}, "2.16", 404),
    ({"trigger_crash_dump": None}, "2.17", 400),
    ({"lock": {"locked_reason": "x" * 256}}, "2.73", 400),
    ({"lock": {"why": "x"}}, "2.73", 400),
    ({"lock": {"why": "x"}}, "2.72", 202),
    ({"os-getConsoleOutput": {"length": "x"}}, "2.1", 400),
    ({"os-getConsoleOutput": {"length": -2}}, "2.1", 400),
    ({"addSecurityGroup": {}}, "2.1", 400),
    ({"addSecurityGroup": {"name": "none-such"}}, "2.1", 404),
    ({"removeSecurityGroup": {"name": "none-such"}}, "2.1", 404),
    ({"addFloatingIp": {"address": "10.0.0.9"}}, "2.43", 501),
    ({"addFloatingIp": {"address": "10.0.0.9"}}, "2.44", 404),
    ({"os-getVNCConsole": {"type": "novnc"}}, "2.6", 404),
    ({"resize": {"flavorRef": "2"}}, "2.1", 501),
    ({"createImage": {"name": "x"}}, "2.1", 501),
    ({"os-resetState": {"state": "active"}}, "2.1", 403),
]


async def test_what_cannot_be_done_is_refused(world: World, server_id: str) -> None:
    for what, version, status in _REFUSED:
        reply = await world.act("alice", server_id, what, version)
        assert reply.status == status, (what, reply.body)


async def test_what_is_not_implemented_is_not_said_of_a_server_that_is_not_there(world: World) -> None:
    assert (await world.act("alice", new_uuid(), {"resize": {"flavorRef": "2"}})).status == 404


async def test_a_locked_server_takes_nothing_from_its_owner(world: World, server_id: str) -> None:
    assert (await world.act("alice", server_id, {"lock": {"locked_reason": "do not touch"}}, "2.73")).status == 202
    shown = (await world.get("alice", f"/servers/{server_id}", "2.73"))["server"]
    assert (shown["locked"], shown["locked_reason"]) == (True, "do not touch")
    reply = await world.act("alice", server_id, {"os-stop": None})
    assert (reply.status, reply.message()) == (409, f"Instance {server_id} is locked")
    assert (await world.ask("alice", "DELETE", f"/servers/{server_id}")).status == 409
    assert (await world.act("admin", server_id, {"os-stop": None})).status == 202
    await world.settle()
    assert (await world.act("alice", server_id, {"unlock": None})).status == 202
    shown = (await world.get("alice", f"/servers/{server_id}", "2.73"))["server"]
    assert (shown["locked"], shown["locked_reason"]) == (False, None)


async def test_an_owner_does_not_open_an_administrators_lock(world: World, server_id: str) -> None:
    assert (await world.act("admin", server_id, {"lock": None})).status == 202
    assert (await world.act("alice", server_id, {"lock": None})).status == 202
    reply = await world.act("alice", server_id, {"unlock": None})
    assert reply.status == 403
    assert "os-lock-server:unlock:unlock_override" in reply.message()
    assert (await world.act("admin", server_id, {"unlock": None})).status == 202
    assert not (await world.get("alice", f"/servers/{server_id}", "2.9"))["server"]["locked"]


async def test_the_console_shows_its_last_lines(world: World, server_id: str) -> None:
    world.hosts.log = b"one\ntwo\nth\xffree\n"

    async def shown(given: Any) -> str:
        reply = await world.act("alice", server_id, {"os-getConsoleOutput": given})
        assert reply.status == 200
        return str(reply.json()["output"])

    whole = "one\ntwo\nth\N{REPLACEMENT CHARACTER}ree\n"
    assert [await shown(given) for given in ({}, {"length": None}, {"length": -1}, {"length": "100"})] == [whole] * 4
    assert await shown({"length": 2}) == "th\N{REPLACEMENT CHARACTER}ree\n"
    assert await shown({"length": 0}) == ""


async def test_a_server_that_never_ran_has_no_console_and_takes_no_power(world: World) -> None:
    world.placement.hosts.clear()
    server_id = await world.boot()
    assert (await world.act("alice", server_id, {"os-getConsoleOutput": {}})).status == 409
    for what in ({"os-stop": None}, {"reboot": {"type": "HARD"}}):
        assert (await world.act("alice", server_id, what)).status == 409


async def test_security_groups_are_put_on_ports_and_taken_off(world: World, server_id: str) -> None:
    world.network.add_group("web", "red")
    assert (await world.act("alice", server_id, {"addSecurityGroup": {"name": "web"}})).status == 202
    groups = (await world.get("alice", f"/servers/{server_id}/os-security-groups"))["security_groups"]
    assert [group["name"] for group in groups] == ["default", "web"]
    assert groups[0]["rules"][0]["ip_range"] == {"cidr": "0.0.0.0/0"}
    shown = (await world.get("alice", f"/servers/{server_id}"))["server"]
    assert shown["security_groups"] == [{"name": "default"}, {"name": "web"}]
    assert (await world.act("alice", server_id, {"removeSecurityGroup": {"name": "web"}})).status == 202
    assert (await world.act("alice", server_id, {"removeSecurityGroup": {"name": "web"}})).status == 404


async def test_an_administrator_says_what_a_server_is(world: World, server_id: str) -> None:
    assert (await world.act("admin", server_id, {"os-resetState": {"state": "error"}})).status == 202
    assert await _state(world, server_id) == "ERROR"
    assert (await world.act("admin", server_id, {"os-resetState": {"state": "gone"}})).status == 400
    assert (await world.act("admin", server_id, {"os-resetState": {"state": "active"}})).status == 202
    assert await _state(world, server_id) == "ACTIVE"
    assert (await world.act("admin", server_id, {"injectNetworkInfo": None})).status == 202


async def test_a_second_delete_joins_the_first_whatever_the_server_says_it_is(world: World, server_id: str) -> None:
    world.hosts.hold = True
    assert (await world.ask("alice", "DELETE", f"/servers/{server_id}")).status == 204
    assert (await world.act("admin", server_id, {"os-resetState": {"state": "error"}})).status == 202
    assert (await world.ask("alice", "DELETE", f"/servers/{server_id}")).status == 204
    world.hosts.open_inboxes()
    await world.settle()
    path = f"/servers/{server_id}/os-instance-actions"
    actions = (await world.get("admin", path, "2.21"))["instanceActions"]
    assert [(one["action"], one["message"]) for one in actions] == [("delete", None), ("create", None)]


async def test_a_lock_that_came_in_between_holds(world: World, server_id: str) -> None:
    found = await world.server(server_id)
    assert found is not None
    assert (await world.act("alice", server_id, {"lock": None})).status == 202
    for act in (app.stop, app.delete):
        with pytest.raises(Conflict, match="is locked"):
            await act(world.compute, WHO["alice"], found, "req-1")
    await app.stop(world.compute, WHO["admin"], found, "req-2")


async def test_force_delete_deletes(world: World, server_id: str) -> None:
    assert (await world.act("alice", server_id, {"forceDelete": None})).status == 202
    await world.settle()
    assert (await world.ask("alice", "GET", f"/servers/{server_id}")).status == 404


async def test_diagnostics_have_one_shape_from_2_48_on(world: World, server_id: str) -> None:
    plain = await world.get("admin", f"/servers/{server_id}/diagnostics", "2.47")
    assert plain["cpu0_time"] == 5
    typed = await world.get("admin", f"/servers/{server_id}/diagnostics", "2.48")
    assert set(typed) == {
        "state", "driver", "hypervisor", "hypervisor_os", "uptime", "config_drive", "num_cpus", "num_nics",
        "num_disks", "cpu_details", "nic_details", "disk_details", "memory_details",
    }  # fmt: skip
    assert typed["memory_details"] == {"maximum": 128, "used": 64}
    assert isinstance(await world.hosts.diagnostics("", "", ""), Diagnostics)
    await world.act("alice", server_id, {"os-stop": None})
    await world.settle()
    assert (await world.ask("admin", "GET", f"/servers/{server_id}/diagnostics")).status == 409
