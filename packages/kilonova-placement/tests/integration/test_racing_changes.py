"""Two processes on one PostgreSQL change the same things at the same moment: as if one had come after the other."""

import asyncio

import pytest
from kilonova_kit.testing.postgresql import binaries, running_postgresql
from kilonova_placement.model.providers import Inventory, ProviderReport

pytestmark = pytest.mark.postgresql
_TIMES = 8


@pytest.fixture(scope="module")
def server():
    if binaries() is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running_postgresql() as server:
        yield server


@pytest.fixture
async def two(server, make):
    """Two processes on an empty database."""
    database = server.new_database()
    async with make.running(database, seed=1) as one, make.running(database, seed=2) as other:
        yield one, other


async def _ask(placement, method, path, body=None):
    headers = {"OpenStack-API-Version": "placement 1.39"}
    return await placement.http.request(method, path, json=body, headers=headers)


async def _at_once(two, *asked):
    return [
        reply.status for reply in await asyncio.gather(*(_ask(app, *one) for app, one in zip(two, asked, strict=True)))
    ]


def _allocations(host_id):
    return {
        "allocations": {host_id: {"resources": {"VCPU": 1}}},
        "project_id": "p1",
        "user_id": "u1",
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
    }


async def test_a_new_consumer_gets_its_allocations_once(two, make):
    host_id = make.provider_id(1)
    await two[0].client.put_provider(host_id, make.report("h1", vcpu=99))
    for number in range(_TIMES):
        asked = ("PUT", f"/allocations/{make.provider_id(1000 + number)}", _allocations(host_id))
        assert sorted(await _at_once(two, asked, asked)) == [204, 409]
    assert (await two[1].client.get_provider(host_id)).used["VCPU"] == _TIMES


async def test_hosts_may_report_the_same_new_names_at_once(two, make):
    for number in range(_TIMES):
        inventories = {"VCPU": Inventory(total=1), f"CUSTOM_CLASS_{number}": Inventory(total=1)}
        reports = [
            ProviderReport(name=f"{name}{number}", inventories=inventories, traits=(f"CUSTOM_TRAIT_{number}",))
            for name in "ab"
        ]
        await asyncio.gather(
            two[0].client.put_provider(make.provider_id(2 * number), reports[0]),
            two[1].client.put_provider(make.provider_id(2 * number + 1), reports[1]),
        )
    assert len(await two[0].client.providers()) == 2 * _TIMES


async def test_one_host_may_report_to_both_at_once(two, make):
    for number in range(_TIMES):
        report = make.report(f"h{number}")
        await asyncio.gather(*(app.client.put_provider(make.provider_id(number), report) for app in two))


async def test_names_and_providers_are_made_once(two, make):
    for number in range(_TIMES):
        asked = ("POST", "/resource_classes", {"name": f"CUSTOM_C{number}"})
        assert set(await _at_once(two, asked, asked)) <= {201, 409}
        asked = ("PUT", f"/traits/CUSTOM_T{number}")
        assert set(await _at_once(two, asked, asked)) <= {201, 204}
        asked = ("POST", "/resource_providers", {"name": f"rp{number}"})
        assert sorted(await _at_once(two, asked, asked)) == [200, 409]


async def test_no_provider_hangs_below_what_hangs_below_it(two, make):
    for number in range(0, 2 * _TIMES, 2):
        ids = [make.provider_id(number), make.provider_id(number + 1)]
        for key in ids:
            await _ask(two[0], "POST", "/resource_providers", {"name": key, "uuid": key})
        asked = [
            ("PUT", f"/resource_providers/{key}", {"name": key, "parent_provider_uuid": other})
            for key, other in (ids, ids[::-1])
        ]
        assert sorted(await _at_once(two, *asked)) == [200, 400]


async def test_what_is_made_below_a_provider_that_moves_moves_with_it(two, make):
    for number in range(0, 3 * _TIMES, 3):
        root, moved, child = (make.provider_id(number + more) for more in range(3))
        for key in (root, moved):
            await _ask(two[0], "POST", "/resource_providers", {"name": key, "uuid": key})
        asked = [
            ("PUT", f"/resource_providers/{moved}", {"name": moved, "parent_provider_uuid": root}),
            ("POST", "/resource_providers", {"name": child, "uuid": child, "parent_provider_uuid": moved}),
        ]
        assert await _at_once(two, *asked) == [200, 200]
        shown = (await _ask(two[1], "GET", f"/resource_providers/{child}")).json()
        assert (shown["parent_provider_uuid"], shown["root_provider_uuid"]) == (moved, root)


async def test_a_parent_is_not_deleted_while_a_child_is_made(two, make):
    for number in range(0, 2 * _TIMES, 2):
        parent, child = make.provider_id(number), make.provider_id(number + 1)
        await _ask(two[0], "POST", "/resource_providers", {"name": parent, "uuid": parent})
        asked = [
            ("DELETE", f"/resource_providers/{parent}"),
            ("POST", "/resource_providers", {"name": child, "uuid": child, "parent_provider_uuid": parent}),
        ]
        assert await _at_once(two, *asked) in ([204, 400], [409, 200])


async def test_a_class_that_is_deleted_is_nobodys(two, make):
    for number in range(_TIMES):
        name, key = f"CUSTOM_GONE_{number}", make.provider_id(number)
        await _ask(two[0], "POST", "/resource_classes", {"name": name})
        report = ProviderReport(name=key, inventories={name: Inventory(total=1)})
        _, reply = await asyncio.gather(
            two[0].client.put_provider(key, report), _ask(two[1], "DELETE", f"/resource_classes/{name}")
        )
        assert reply.status in (204, 409)
        assert (await _ask(two[1], "GET", f"/resource_classes/{name}")).status == 200
