"""Lists of servers: filters by role and version, sorting, paging."""

from __future__ import annotations

from typing import Any

import pytest
from compute_world import World


@pytest.fixture
async def ids(world: World) -> dict[str, str]:
    """Three servers of alice's and one of bob's."""
    other = world.images.add()
    more: dict[str, dict[str, Any]] = {
        "web": {"metadata": {"colour": "blue"}},
        "db": {"imageRef": other, "flavorRef": "2"},
        "cache": {"config_drive": True},
    }
    made = {name: await world.boot(name=name, **wanted) for name, wanted in more.items()}
    made["bobs"] = await world.boot("bob", name="bobs")
    await world.ask("alice", "PUT", f"/servers/{made['web']}/tags", {"tags": ["red", "front"]}, "2.26")
    await world.ask("alice", "PUT", f"/servers/{made['db']}/tags", {"tags": ["red"]}, "2.26")
    await world.act("alice", made["db"], {"os-stop": None})
    await world.settle()
    return made


async def _names(world: World, query: str, who: str = "alice", version: str = "2.1") -> list[str]:
    found = await world.get(who, f"/servers/detail{query}", version)
    brief = await world.get(who, f"/servers{query}", version)
    assert [one["id"] for one in brief["servers"]] == [one["id"] for one in found["servers"]]
    return [server["name"] for server in found["servers"]]


async def _status(world: World, query: str, who: str = "alice", version: str = "2.1") -> int:
    return (await world.ask(who, "GET", f"/servers/detail{query}", version=version)).status


_OWNERS: list[tuple[str, str, set[str]]] = [
    ("", "2.1", {"web", "db", "cache"}),
    ("?name=we", "2.1", {"web"}),
    ("?name=^d.$", "2.1", {"db"}),
    ("?status=ACTIVE", "2.1", {"web", "cache"}),
    ("?status=shutoff", "2.1", {"db"}),
    ("?status=shutoff&status=active", "2.1", {"web", "db", "cache"}),
    ("?status=no-such", "2.37", set()),
    ("?status=SUSPENDED", "2.38", set()),
    ("?flavor=2", "2.1", {"db"}),
    ("?flavor=77", "2.1", set()),
    ("?ip=10.0.0.1$", "2.1", {"web"}),
    ("?tags=red", "2.26", {"web", "db"}),
    ("?tags=red,front", "2.26", {"web"}),
    ("?tags-any=front,nothing", "2.26", {"web"}),
    ("?not-tags=red,front", "2.26", {"db", "cache"}),
    ("?not-tags-any=red,front", "2.26", {"cache"}),
    ("?tags=red", "2.25", {"web", "db", "cache"}),
    ("?user_id=somebody", "2.82", {"web", "db", "cache"}),
    ("?user_id=somebody", "2.83", set()),
    ("?config_drive=true", "2.83", {"cache"}),
    ("?power_state=4", "2.83", {"db"}),
    ("?vm_state=stopped", "2.83", {"db"}),
    ("?availability_zone=nova", "2.83", {"web", "db", "cache"}),
    ("?locked=true", "2.73", set()),
    ("?hostname=web", "2.90", {"web"}),
    ("?host=alpha", "2.90", {"web", "db", "cache"}),  # an owner's is ignored
    ("?tenant_id=blue", "2.1", {"web", "db", "cache"}),
    ("?all_tenants=0", "2.1", {"web", "db", "cache"}),
    ("?unknown=1", "2.74", {"web", "db", "cache"}),
    ("?_private=1", "2.1", {"web", "db", "cache"}),
    ("?changes-since=2001-01-01T00:00:00Z", "2.1", {"web", "db", "cache"}),
    ("?changes-since=2099-01-01T00:00:00Z", "2.1", set()),
    ("?changes-before=2001-01-01T00:00:00Z", "2.66", set()),
    ("?limit=0", "2.1", set()),
]


@pytest.mark.usefixtures("ids")
async def test_an_owner_narrows_a_list(world: World) -> None:
    for query, version, names in _OWNERS:
        assert set(await _names(world, query, version=version)) == names, query


async def test_what_changed_is_found_by_the_second_that_is_shown(world: World) -> None:
    server_id = await world.boot()
    shown = (await world.get("alice", f"/servers/{server_id}"))["server"]["updated"]
    assert await _names(world, f"?changes-since={shown}&changes-before={shown}", version="2.66") == ["web"]
    assert await _names(world, "?changes-before=2001-01-01T00:00:00Z", version="2.66") == []
    path = f"/servers/{server_id}/os-instance-actions"
    (action,) = (await world.get("alice", path, "2.66"))["instanceActions"]
    same_second = f"{path}?changes-before={action['updated_at'][:19]}"
    assert (await world.get("alice", same_second, "2.66"))["instanceActions"] == [action]


_ADMINISTRATORS: list[tuple[str, set[str]]] = [
    ("", set()),
    ("?all_tenants", {"web", "db", "cache", "bobs"}),
    ("?all_tenants=1&project_id=blue", {"bobs"}),
    ("?all_tenants=1&tenant_id=blue", {"bobs"}),
    ("?all_tenants=1&user_id=bob", {"bobs"}),
    ("?all_tenants=1&host=alpha", {"web", "db", "cache", "bobs"}),
    ("?all_tenants=1&host=beta", set()),
    ("?all_tenants=1&node=alpha&name=b", {"web", "db", "bobs"}),
    ("?all_tenants=1&key_name=x", set()),
    ("?all_tenants=1&launch_index=0&flavor=2", {"db"}),
    ("?all_tenants=1&deleted=true", set()),
    ("?all_tenants=1&vm_state=stopped", {"db"}),
    ("?all_tenants=1&description=we", {"web"}),
]


async def test_an_administrator_has_all_filters(world: World, ids: dict[str, str]) -> None:
    for query, names in _ADMINISTRATORS:
        assert set(await _names(world, query, "admin")) == names, query
    assert await _names(world, f"?all_tenants=1&uuid={ids['db']}", "admin") == ["db"]


_REFUSED = [
    ("?all_tenants=1", "alice", "2.1", 403),
    ("?all_tenants=perhaps", "admin", "2.1", 400),
    ("?status=no-such", "alice", "2.38", 400),
    ("?status=deleted", "alice", "2.1", 403),
    ("?status=deleted", "admin", "2.1", 200),
    ("?name=(", "alice", "2.1", 400),
    ("?unknown=1", "alice", "2.75", 400),
    ("?tags=a", "alice", "2.75", 200),
    ("?locked=perhaps", "alice", "2.73", 400),
    ("?metadata=x", "alice", "2.1", 200),
    ("?metadata=x", "admin", "2.1", 400),
    ("?limit=x", "alice", "2.1", 400),
    ("?limit=-1", "alice", "2.1", 400),
    ("?marker=6c6bdc3e-0000-4000-8000-000000000000", "alice", "2.1", 400),
    ("?sort_key=no-such", "alice", "2.1", 400),
    ("?sort_key=vcpus", "alice", "2.1", 200),
    ("?sort_key=vcpus", "alice", "2.75", 400),
    ("?sort_key=locked", "alice", "2.73", 200),
    ("?sort_key=host", "alice", "2.1", 403),
    ("?sort_key=host", "admin", "2.1", 200),
    ("?sort_dir=up", "alice", "2.1", 400),
    ("?sort_dir=asc&sort_dir=asc", "alice", "2.1", 400),
    ("?changes-since=soon", "alice", "2.1", 400),
    ("?changes-since=2020-01-02T00:00:00Z&changes-before=2020-01-01T00:00:00Z", "alice", "2.66", 400),
]


@pytest.mark.usefixtures("ids")
async def test_a_wrong_query_is_refused(world: World) -> None:
    for query, who, version, status in _REFUSED:
        assert await _status(world, query, who, version) == status, query


@pytest.mark.usefixtures("ids")
async def test_lists_are_sorted_by_several_keys(world: World) -> None:
    assert await _names(world, "") == ["cache", "db", "web"]
    assert await _names(world, "?sort_key=display_name&sort_dir=asc") == ["cache", "db", "web"]
    assert await _names(world, "?sort_key=display_name") == ["web", "db", "cache"]
    assert await _names(world, "?sort_key=vm_state&sort_key=display_name&sort_dir=desc&sort_dir=asc") == [
        "db", "cache", "web",
    ]  # fmt: skip
    assert await _names(world, "?sort_key=user_id&sort_key=created_at&sort_dir=asc") == ["web", "db", "cache"]


@pytest.mark.usefixtures("ids")
async def test_pages_lead_to_one_another(world: World) -> None:
    names, path = [], "/servers/detail?limit=2&sort_key=display_name&sort_dir=asc"
    for _ in range(5):
        page = await world.get("alice", path)
        names += [server["name"] for server in page["servers"]]
        if "servers_links" not in page:
            break
        (link,) = page["servers_links"]
        assert link["rel"] == "next"
        assert link["href"].startswith("http://cloud/compute/v2.1/servers/detail?")
        path = link["href"].removeprefix("http://cloud/compute/v2.1")
    assert names == ["cache", "db", "web"]


async def test_deleted_servers_show_to_those_who_ask_for_changes(world: World, ids: dict[str, str]) -> None:
    await world.ask("alice", "DELETE", f"/servers/{ids['web']}")
    await world.settle()
    assert set(await _names(world, "")) == {"db", "cache"}
    assert set(await _names(world, "?changes-since=2001-01-01T00:00:00Z")) == {"web", "db", "cache"}
    assert set(await _names(world, "?deleted=true&all_tenants=1", "admin")) == {"web"}
    assert set(await _names(world, "?status=deleted&all_tenants=1", "admin")) == {"web"}
