"""Metadata and tags of servers."""

from __future__ import annotations

import pytest
from compute_world import World
from kilonova_kit.http.client import Reply


@pytest.fixture
async def path(world: World) -> str:
    return f"/servers/{await world.boot(metadata={'colour': 'blue'})}"


async def test_metadata_is_added_replaced_and_removed(world: World, path: str) -> None:
    url = f"{path}/metadata"
    assert await world.get("alice", url) == {"metadata": {"colour": "blue"}}
    added = await world.ask("alice", "POST", url, {"metadata": {"size": "small", "colour": "red"}})
    assert (added.status, added.json()) == (200, {"metadata": {"colour": "red", "size": "small"}})
    item = await world.ask("alice", "PUT", f"{url}/size", {"meta": {"size": "large"}})
    assert (item.status, item.json()) == (200, {"meta": {"size": "large"}})
    assert await world.get("alice", f"{url}/size") == {"meta": {"size": "large"}}
    assert (await world.ask("alice", "DELETE", f"{url}/size")).status == 204
    assert (await world.ask("alice", "DELETE", f"{url}/size")).status == 404
    assert (await world.ask("alice", "GET", f"{url}/size")).status == 404
    replaced = await world.ask("alice", "PUT", url, {"metadata": {}})
    assert (replaced.status, replaced.json()) == (200, {"metadata": {}})
    assert (await world.get("alice", path))["server"]["metadata"] == {}


async def test_wrong_metadata_is_refused(world: World, path: str) -> None:
    url = f"{path}/metadata"

    async def status(method: str, url: str, body: object) -> int:
        return (await world.ask("alice", method, url, body)).status

    for body in ({"metadata": {"": "x"}}, {"metadata": {"k": "v" * 256}}, {"metadata": {"k": None}}, {}, {"meta": {}}):
        assert await status("POST", url, body) == 400, body
        assert await status("PUT", url, body) == 400, body
    for body in ({"meta": {"other": "x"}}, {"meta": {"k": "a", "l": "b"}}, {"meta": {}}, {"metadata": {"k": "v"}}):
        assert await status("PUT", f"{url}/k", body) == 400, body
    many = {"metadata": {f"k{number}": "v" for number in range(129)}}
    reply = await world.ask("alice", "POST", url, many)
    assert reply.status == 403
    assert "Maximum number of metadata items exceeds 128" in reply.message()


async def test_the_metadata_of_a_locked_server_stays(world: World, path: str) -> None:
    await world.ask("alice", "POST", f"{path}/action", {"lock": None})
    assert (await world.ask("alice", "PUT", f"{path}/metadata", {"metadata": {}})).status == 409


async def test_tags_are_put_listed_and_removed(world: World, path: str) -> None:
    url = f"{path}/tags"

    async def ask(method: str, url: str, body: object = None) -> Reply:
        return await world.ask("alice", method, url, body, "2.26")

    assert (await world.ask("alice", "GET", url, version="2.25")).status == 404
    assert (await ask("PUT", f"{url}/red")).status == 201
    again = await ask("PUT", f"{url}/red")
    assert (again.status, again.body) == (204, b"")
    assert (await ask("GET", f"{url}/red")).status == 204
    assert (await ask("GET", f"{url}/blue")).status == 404
    replaced = await ask("PUT", url, {"tags": ["a", "b", "a"]})
    assert (replaced.status, replaced.json()) == (200, {"tags": ["a", "b"]})
    assert (await ask("DELETE", f"{url}/a")).status == 204
    assert (await ask("DELETE", f"{url}/a")).status == 404
    assert (await ask("GET", url)).json() == {"tags": ["b"]}
    assert (await ask("DELETE", url)).status == 204
    assert (await ask("GET", url)).json() == {"tags": []}


async def test_wrong_tags_are_refused(world: World, path: str) -> None:
    url = f"{path}/tags"
    for tags in (["x" * 61], [""], ["a,b"], ["a/b"], [1], [str(number) for number in range(51)], "a"):
        assert (await world.ask("alice", "PUT", url, {"tags": tags}, "2.26")).status == 400, tags
    assert (await world.ask("alice", "PUT", f"{url}/{'x' * 61}", version="2.26")).status == 400
    full = {"tags": [str(number) for number in range(50)]}
    assert (await world.ask("alice", "PUT", url, full, "2.26")).status == 200
    reply = await world.ask("alice", "PUT", f"{url}/more", version="2.26")
    assert (reply.status, reply.message()) == (400, "The number of tags exceeded the per-server limit 50")


async def test_a_server_in_error_takes_no_tags(world: World) -> None:
    world.placement.hosts.clear()
    server_id = await world.boot()
    reply = await world.ask("alice", "PUT", f"/servers/{server_id}/tags", {"tags": ["a"]}, "2.26")
    assert (reply.status, reply.message()) == (
        409, f"Cannot 'update tags' instance {server_id} while it is in vm_state error",
    )  # fmt: skip
