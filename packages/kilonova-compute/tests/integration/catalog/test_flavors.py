"""Flavors, talked through."""

from typing import Any

import pytest
from kilonova_compute.app.flavors import bootstrap_flavors, find_flavor
from kilonova_kit.errors import NotFound
from kilonova_kit.http.identity import Identity

SMALL = {"name": "small", "ram": "64", "vcpus": 1, "disk": 0}


async def made(cloud: Any, version: str = "2.1", **more: Any) -> dict[str, Any]:
    reply = await cloud.ask("POST", "/flavors", {"flavor": {**SMALL, **more}}, version=version)
    assert reply.status == 200, reply.body
    return reply.json()["flavor"]


async def test_a_new_cloud_has_three_flavors_and_a_deleted_one_stays_away(cloud: Any) -> None:
    assert [one["name"] for one in (await cloud.get("/flavors"))["flavors"]] == ["m1.tiny", "m1.small", "m1.medium"]
    assert (await cloud.ask("DELETE", "/flavors/2")).status == 202
    await bootstrap_flavors(cloud.compute)
    assert [one["id"] for one in (await cloud.get("/flavors"))["flavors"]] == ["1", "3"]


@pytest.mark.parametrize(
    ("version", "there", "missing"),
    [
        ("2.1", {"rxtx_factor", "OS-FLV-DISABLED:disabled"}, {"description", "extra_specs"}),
        ("2.55", {"description"}, {"extra_specs"}),
        ("2.61", {"description", "extra_specs"}, set()),
        ("2.102", {"description", "extra_specs"}, {"rxtx_factor", "OS-FLV-DISABLED:disabled"}),
    ],
)
async def test_each_version_shows_what_it_knows(cloud: Any, version: str, there: set[str], missing: set[str]) -> None:
    shown = (await cloud.get("/flavors/1", version=version))["flavor"]
    assert there <= shown.keys()
    assert not missing & shown.keys()


async def test_no_swap_is_an_empty_text_and_later_a_zero(cloud: Any) -> None:
    assert (await cloud.get("/flavors/1", version="2.74"))["flavor"]["swap"] == ""
    assert (await cloud.get("/flavors/1", version="2.75"))["flavor"]["swap"] == 0


async def test_numbers_may_come_as_text_and_an_id_is_made_where_none_is_given(cloud: Any) -> None:
    flavor = await made(cloud)
    assert flavor["ram"] == 64
    assert len(flavor["id"]) == 36
    assert (await made(cloud, name="other", id=77))["id"] == "77"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " small"}, {"name": ""}, {"name": "x" * 256}, {"ram": 0}, {"ram": "a"}, {"vcpus": -1}, {"disk": -1},
        {"id": " 1"}, {"id": "a/b"}, {"swap": -1}, {"rxtx_factor": 0}, {"os-flavor-access:is_public": "perhaps"},
        {"surprise": 1}, {"description": "too early"}, {"ram": 2**31},
    ],
)  # fmt: skip
async def test_a_flavor_that_makes_no_sense_is_refused(cloud: Any, wrong: dict[str, Any]) -> None:
    assert (await cloud.ask("POST", "/flavors", {"flavor": {**SMALL, **wrong}})).status == 400


async def test_names_and_ids_are_taken_once(cloud: Any) -> None:
    reply = await cloud.ask("POST", "/flavors", {"flavor": {**SMALL, "name": "m1.tiny"}})
    assert reply.status == 409
    assert reply.json()["conflictingRequest"]["message"] == "Flavor with name m1.tiny already exists."
    reply = await cloud.ask("POST", "/flavors", {"flavor": {**SMALL, "id": "1"}})
    assert reply.json()["conflictingRequest"]["message"] == "Flavor with ID 1 already exists."


async def test_a_description_may_change_from_2_55_on(cloud: Any) -> None:
    body = {"flavor": {"description": "for tests"}}
    assert (await cloud.ask("PUT", "/flavors/1", body, version="2.54")).status == 404
    assert (await cloud.ask("PUT", "/flavors/1", body, version="2.55")).json()["flavor"]["description"] == "for tests"
    assert (await cloud.ask("PUT", "/flavors/1", {"flavor": {"ram": 1}}, version="2.55")).status == 400


async def test_lists_are_narrowed_sorted_and_paged(cloud: Any) -> None:
    async def ids(query: str, **how: Any) -> list[str]:
        return [one["id"] for one in (await cloud.get(f"/flavors?{query}", **how))["flavors"]]

    assert await ids("minRam=512") == ["2", "3"]
    assert await ids("minDisk=10") == ["3"]
    assert await ids("sort_key=memory_mb&sort_dir=desc") == ["3", "2", "1"]
    page = await cloud.get("/flavors/detail?limit=2")
    assert [one["id"] for one in page["flavors"]] == ["1", "2"]
    assert page["flavors_links"][0]["href"].endswith("/compute/v2.1/flavors/detail?limit=2&marker=2")
    assert await ids("limit=2&marker=2") == ["3"]
    assert "flavors_links" not in await cloud.get("/flavors?limit=2&marker=2")
    for wrong in ("marker=nowhere", "minRam=x", "sort_key=colour", "limit=-1", "is_public=perhaps"):
        assert (await cloud.ask("GET", f"/flavors?{wrong}")).status == 400
    assert (await cloud.ask("GET", "/flavors?colour=red", version="2.74")).status == 200
    assert (await cloud.ask("GET", "/flavors?colour=red", version="2.75")).status == 400


async def test_a_private_flavor_is_only_for_those_with_access(cloud: Any) -> None:
    await made(cloud, id="mine", **{"os-flavor-access:is_public": False})
    assert (await cloud.ask("GET", "/flavors/mine", role="member")).status == 404
    access = {"addTenantAccess": {"tenant": "home"}}
    reply = await cloud.ask("POST", "/flavors/mine/action", access)
    assert reply.json() == {"flavor_access": [{"flavor_id": "mine", "tenant_id": "home"}]}
    assert (await cloud.ask("POST", "/flavors/mine/action", access)).status == 409
    assert (await cloud.ask("GET", "/flavors/mine", role="member")).status == 200
    assert "mine" in [one["id"] for one in (await cloud.get("/flavors", role="member"))["flavors"]]
    assert "mine" not in [one["id"] for one in (await cloud.get("/flavors", role="stranger"))["flavors"]]
    stranger = Identity(user_id="u", project_id="elsewhere", roles=frozenset({"member"}))
    with pytest.raises(NotFound, match="Flavor mine could not be found"):
        await find_flavor(cloud.compute, stranger, "http://cloud/compute/v2.1/flavors/mine")
    removal = {"removeTenantAccess": {"tenant": "home"}}
    assert (await cloud.ask("POST", "/flavors/mine/action", removal)).json() == {"flavor_access": []}
    assert (await cloud.ask("POST", "/flavors/mine/action", removal)).status == 404


async def test_public_flavors_have_no_access_list(cloud: Any) -> None:
    assert (await cloud.ask("GET", "/flavors/1/os-flavor-access")).status == 404
    access = {"addTenantAccess": {"tenant": "home"}}
    assert (await cloud.ask("POST", "/flavors/1/action", access, version="2.7")).status == 409
    assert (await cloud.ask("POST", "/flavors/1/action", access, version="2.6")).status == 200
    assert (await cloud.ask("POST", "/flavors/1/action", {"dance": {}})).status == 400


async def test_administrators_choose_between_public_and_private(cloud: Any) -> None:
    await made(cloud, id="mine", **{"os-flavor-access:is_public": False})
    for word, ids in (("none", ["1", "2", "3", "mine"]), ("False", ["mine"]), ("True", ["1", "2", "3"])):
        assert [one["id"] for one in (await cloud.get(f"/flavors?is_public={word}"))["flavors"]] == ids


async def test_extra_specs_come_and_go(cloud: Any) -> None:
    specs = "/flavors/1/os-extra_specs"
    reply = await cloud.ask("POST", specs, {"extra_specs": {"hw:cpu_policy": "shared", "own": 5}})
    assert reply.json() == {"extra_specs": {"hw:cpu_policy": "shared", "own": 5}}
    assert await cloud.get(specs) == {"extra_specs": {"hw:cpu_policy": "shared", "own": "5"}}
    assert (await cloud.ask("PUT", f"{specs}/own", {"own": "6"})).json() == {"own": "6"}
    assert (await cloud.ask("PUT", f"{specs}/own", {"other": "6"})).status == 400
    assert await cloud.get(f"{specs}/own", role="member") == {"own": "6"}
    assert (await cloud.ask("DELETE", f"{specs}/own")).status == 200
    missing = await cloud.ask("GET", f"{specs}/own")
    assert missing.json()["itemNotFound"]["message"] == "Flavor 1 has no extra specs with key own."
    assert (await cloud.ask("POST", specs, {"extra_specs": {"a*b": "1"}})).status == 400


async def test_known_extra_specs_are_checked_from_2_86_on(cloud: Any) -> None:
    body = {"extra_specs": {"hw:cpu_policy": "sometimes"}}
    assert (await cloud.ask("POST", "/flavors/1/os-extra_specs", body, version="2.85")).status == 200
    reply = await cloud.ask("POST", "/flavors/1/os-extra_specs", body, version="2.86")
    words = "Validation failed; 'sometimes' is not one of: dedicated, shared, mixed."
    assert (reply.status, reply.json()["badRequest"]["message"]) == (400, words)
