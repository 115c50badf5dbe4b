"""The Placement API as a conversation: what clients make, change and delete."""

import pytest
from kilonova_kit.errors import Unavailable
from kilonova_placement.model.providers import Inventory, ProviderReport

_CONSUMER = "11111111-1111-1111-1111-111111111111"
_OTHER = "22222222-2222-2222-2222-222222222222"
_AGGREGATE = "00000000-0000-0000-0000-00000000a001"


@pytest.fixture
def ask(placement):
    async def call(method, path, body=None, version="1.39"):
        headers = {"OpenStack-API-Version": f"placement {version}"}
        return await placement.http.request(method, path, json=body, headers=headers)

    return call


@pytest.fixture
def make_provider(ask, make):
    """Make a provider with inventories, say its path."""

    async def call(number, name, parent=None, **totals):
        body = {"name": name, "uuid": make.provider_id(number)}
        if parent:
            body["parent_provider_uuid"] = make.provider_id(parent)
        assert (await ask("POST", "/resource_providers", body)).status == 200
        path = f"/resource_providers/{make.provider_id(number)}"
        inventories = {key: {"total": total} for key, total in totals.items()}
        if totals:
            body = {"inventories": inventories, "resource_provider_generation": 0}
            assert (await ask("PUT", f"{path}/inventories", body)).status == 200
        return path

    return call


def _allocations(amounts, generation=None, **more):
    return {
        "allocations": {key: {"resources": of} for key, of in amounts.items()},
        "project_id": "p1",
        "user_id": "u1",
        "consumer_generation": generation,
        "consumer_type": "INSTANCE",
        **more,
    }


def _code(reply):
    return reply.status, reply.json()["errors"][0]["code"]


async def test_a_provider_is_made_renamed_and_deleted(ask, make):
    body = {"name": "rp", "uuid": make.provider_id(1)}
    made = await ask("POST", "/resource_providers", body)
    assert (made.status, made.json()["generation"], made.json()["root_provider_uuid"]) == (200, 0, body["uuid"])
    assert made.headers["location"].endswith(f"/placement/resource_providers/{body['uuid']}")
    assert _code(await ask("POST", "/resource_providers", body)) == (409, "placement.duplicate_name")
    path = f"/resource_providers/{body['uuid']}"
    renamed = await ask("PUT", path, {"name": "other"})
    assert (renamed.json()["name"], renamed.json()["generation"]) == ("other", 0)
    old = await ask("POST", "/resource_providers", {"name": "old"}, "1.19")
    assert (old.status, old.body, "content-type" in old.headers) == (201, b"", False)
    assert (await ask("DELETE", path)).status == 204
    assert (await ask("DELETE", path)).status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("GET", "/resource_classes/CUSTOM_NONE", None, "No such resource class CUSTOM_NONE."),
        ("GET", "/allocation_candidates?resources=NONSENSE:1", None, "Invalid resource class in resources parameter"),
        ("POST", "/resource_classes", {"name": "fake_class"}, "JSON does not validate: 'fake_class' does not match"),
        ("DELETE", "/resource_classes/VCPU", None, "Cannot delete standard resource class VCPU"),
    ],
)
async def test_the_last_line_of_a_detail_is_the_message(ask, method, path, body, words):
    reply = await ask(method, path, body)
    general, empty, message = reply.json()["errors"][0]["detail"].split("\n")
    assert general.endswith(".")
    assert empty == ""
    assert words in message
    assert reply.message() == message.strip()


async def test_the_root_is_read_and_nothing_else(ask):
    reply = await ask("DELETE", "/")
    assert (reply.status, reply.headers["allow"]) == (405, "GET")


async def test_a_tree_moves_and_its_parent_cannot_be_deleted(ask, make, make_provider):
    one, two = await make_provider(1, "one"), await make_provider(2, "two")
    child = await make_provider(3, "child", parent=1, VCPU=4)
    await make_provider(4, "grandchild", parent=3, PGPU=1)
    assert _code(await ask("DELETE", one)) == (409, "placement.resource_provider.cannot_delete_parent")
    move = {"name": "child", "parent_provider_uuid": make.provider_id(2)}
    assert (await ask("PUT", child, move, "1.36")).status == 400
    assert (await ask("PUT", child, move)).json()["root_provider_uuid"] == make.provider_id(2)
    loop = {"name": "two", "parent_provider_uuid": make.provider_id(4)}
    assert "creating loop" in (await ask("PUT", two, loop)).json()["errors"][0]["detail"]
    tree = (await ask("GET", f"/resource_providers?in_tree={make.provider_id(4)}")).json()["resource_providers"]
    assert {one["name"] for one in tree} == {"two", "child", "grandchild"}
    found = (await ask("GET", "/allocation_candidates?resources=VCPU:1,PGPU:1")).json()
    assert set(found["provider_summaries"]) == {make.provider_id(number) for number in (2, 3, 4)}
    assert (await ask("PUT", child, {"name": "child", "parent_provider_uuid": None})).status == 200
    assert (await ask("DELETE", one)).status == (await ask("DELETE", two)).status == 204


async def test_inventories_keep_generations(ask, make_provider):
    path = await make_provider(1, "rp", VCPU=8)
    one = {"total": 16, "resource_provider_generation": 0}
    assert _code(await ask("PUT", f"{path}/inventories/VCPU", one)) == (409, "placement.concurrent_update")
    one["resource_provider_generation"] = 1
    changed = (await ask("PUT", f"{path}/inventories/VCPU", one)).json()
    assert (changed["total"], changed["max_unit"], changed["resource_provider_generation"]) == (16, 2147483647, 2)
    added = await ask("POST", f"{path}/inventories", {"resource_class": "DISK_GB", "total": 5, "reserved": 5})
    assert added.status == 201
    nothing_left = {"resource_class": "PGPU", "total": 5, "reserved": 5}
    assert (await ask("POST", f"{path}/inventories", nothing_left, "1.25")).status == 400
    assert (await ask("POST", f"{path}/inventories", {"resource_class": "CUSTOM_NONE", "total": 5})).status == 400
    assert (await ask("DELETE", f"{path}/inventories/DISK_GB")).status == 204
    assert (await ask("DELETE", f"{path}/inventories", version="1.4")).status == 405
    assert (await ask("DELETE", f"{path}/inventories")).status == 204
    assert (await ask("GET", f"{path}/inventories")).json() == {"inventories": {}, "resource_provider_generation": 5}


async def test_classes_and_traits_are_made_used_and_deleted(ask, make_provider):
    for path, name in (("/resource_classes", "CUSTOM_THING"), ("/traits", "CUSTOM_GOLD")):
        assert (await ask("PUT", f"{path}/{name}")).status == 201
        assert (await ask("PUT", f"{path}/{name}")).status == 204
        assert (await ask("PUT", f"{path}/GOLD")).status == 400
    rp = await make_provider(1, "rp", CUSTOM_THING=2)
    body = {"traits": ["CUSTOM_GOLD"], "resource_provider_generation": 1}
    assert (await ask("PUT", f"{rp}/traits", body)).json()["resource_provider_generation"] == 2
    assert (await ask("DELETE", "/traits/CUSTOM_GOLD")).status == 409
    assert (await ask("DELETE", "/resource_classes/CUSTOM_THING")).status == 409
    assert (await ask("DELETE", "/resource_classes/VCPU")).status == 400
    assert (await ask("DELETE", f"{rp}/traits")).status == (await ask("DELETE", f"{rp}/inventories")).status == 204
    assert (await ask("DELETE", "/traits/CUSTOM_GOLD")).status == 204
    assert (await ask("PUT", "/resource_classes/CUSTOM_THING", {"name": "CUSTOM_OTHER"}, "1.6")).status == 200
    assert (await ask("DELETE", "/resource_classes/CUSTOM_OTHER")).status == 204
    assert (await ask("DELETE", "/resource_classes/CUSTOM_OTHER")).status == 404


async def test_aggregates_have_a_generation_since_1_19(ask, make_provider):
    rp = await make_provider(1, "rp")
    assert (await ask("PUT", f"{rp}/aggregates", [_AGGREGATE], "1.1")).json() == {"aggregates": [_AGGREGATE]}
    body = {"aggregates": [], "resource_provider_generation": 0}
    assert (await ask("PUT", f"{rp}/aggregates", body)).json()["resource_provider_generation"] == 1
    assert _code(await ask("PUT", f"{rp}/aggregates", body)) == (409, "placement.concurrent_update")


async def test_allocations_are_claims(ask, make, make_provider, placement):
    rp = await make_provider(1, "rp", VCPU=4, DISK_GB=10)
    own, path = make.provider_id(1), f"/allocations/{_CONSUMER}"
    assert (await ask("PUT", path, _allocations({own: {"VCPU": 3}}))).status == 204
    found = (await ask("GET", path)).json()
    assert found["allocations"] == {own: {"generation": 2, "resources": {"VCPU": 3}}}
    assert (found["consumer_generation"], found["consumer_type"]) == (1, "INSTANCE")
    (claim,) = [one async for one in placement.client.claims()]
    assert (claim.owner.consumer, claim.state, claim.host_id) == (_CONSUMER, "bound", own)
    assert _code(await ask("PUT", path, _allocations({own: {"VCPU": 1}}))) == (409, "placement.concurrent_update")
    too_much = await ask("PUT", path, _allocations({own: {"VCPU": 5}}, 1))
    assert "would exceed the capacity" in too_much.json()["errors"][0]["detail"]
    assert (await ask("PUT", path, _allocations({own: {"VCPU": 4, "DISK_GB": 1}}, 1))).status == 204
    assert _code(await ask("DELETE", f"{rp}/inventories")) == (409, "placement.inventory.inuse")
    assert _code(await ask("DELETE", rp)) == (409, "placement.resource_provider.inuse")
    assert (await ask("GET", "/allocation_candidates?resources=VCPU:1")).json()["allocation_requests"] == []
    usages = (await ask("GET", "/usages?project_id=p1")).json()
    assert usages == {"usages": {"INSTANCE": {"VCPU": 4, "DISK_GB": 1, "consumer_count": 1}}}
    assert (await ask("GET", "/usages?project_id=p1", version="1.9")).json() == {"usages": {"VCPU": 4, "DISK_GB": 1}}
    assert (await ask("DELETE", path)).status == 204
    assert (await ask("DELETE", path)).status == 404
    assert (await ask("GET", f"{rp}/usages")).json()["usages"] == {"VCPU": 0, "DISK_GB": 0}
    assert (await placement.app.prove()).wrong == ()


async def test_what_a_consumer_has_is_told_from_the_oldest_provider_on(ask, make, make_provider, placement):
    await make_provider(2, "older", VCPU=8)
    placement.clock.now += 1
    await make_provider(1, "younger", VCPU=8)
    older, younger = make.provider_id(2), make.provider_id(1)
    path = f"/allocations/{make.provider_id(9)}"
    assert (await ask("PUT", path, _allocations({younger: {"VCPU": 1}, older: {"VCPU": 1}}))).status == 204
    assert list((await ask("GET", path)).json()["allocations"]) == [older, younger]


async def test_several_consumers_change_together_or_not_at_all(ask, make, make_provider):
    await make_provider(1, "rp", VCPU=4)
    own = make.provider_id(1)
    both = {_CONSUMER: _allocations({own: {"VCPU": 3}}), _OTHER: _allocations({own: {"VCPU": 2}})}
    assert (await ask("POST", "/allocations", both)).status == 409
    assert (await ask("GET", f"/allocations/{_CONSUMER}")).json() == {"allocations": {}}
    both[_OTHER] = _allocations({own: {"VCPU": 1}})
    assert (await ask("POST", "/allocations", both)).status == 204
    swapped = {_CONSUMER: _allocations({}, 1), _OTHER: _allocations({own: {"VCPU": 4}}, 1)}
    assert (await ask("POST", "/allocations", swapped)).status == 204
    assert (await ask("GET", f"/allocations/{_OTHER}")).json()["consumer_generation"] == 2


async def test_a_native_claim_is_changed_and_released_as_allocations(ask, make, placement):
    await placement.client.put_provider(make.provider_id(1), make.report("h1", vcpu=4))
    owner = make.owner(_CONSUMER)
    await placement.client.claim(make.request(vcpu=1), [owner], ["c1"])
    own = make.provider_id(1)
    assert (await ask("PUT", f"/allocations/{_CONSUMER}", _allocations({own: {"VCPU": 2}}, 1))).status == 204
    claim = await placement.client.get("c1")
    assert (claim.providers[0].amounts, claim.generation, claim.owner.name) == ({"VCPU": 2}, 2, owner.name)
    assert (await placement.client.bind("c1")).state == "bound"
    assert (await ask("DELETE", f"/allocations/{_CONSUMER}")).status == 204
    assert (await placement.client.get("c1")).state == "released"


async def test_reshape_moves_what_is_used_to_a_child(ask, make, make_provider, placement):
    await make_provider(1, "host", VCPU=4)
    child = await make_provider(2, "numa", parent=1)
    host, numa = make.provider_id(1), make.provider_id(2)
    await ask("PUT", f"/allocations/{_CONSUMER}", _allocations({host: {"VCPU": 2}}))
    body = {
        "inventories": {
            host: {"inventories": {}, "resource_provider_generation": 2},
            numa: {"inventories": {"VCPU": {"total": 4}}, "resource_provider_generation": 0},
        },
        "allocations": {_CONSUMER: _allocations({numa: {"VCPU": 2}}, 1)},
    }
    assert (await ask("POST", "/reshaper", body, "1.29")).status == 404
    assert (await ask("POST", "/reshaper", body)).status == 204
    assert (await ask("GET", f"{child}/usages")).json()["usages"] == {"VCPU": 2}
    assert _code(await ask("POST", "/reshaper", body)) == (409, "placement.concurrent_update")
    assert (await placement.app.prove()).wrong == ()


async def test_candidates_in_the_shape_of_each_version(ask, make, make_provider):
    await make_provider(1, "host", VCPU=4, DISK_GB=10)
    own = make.provider_id(1)
    oldest = (await ask("GET", "/allocation_candidates?resources=VCPU:1", version="1.10")).json()
    resources = {"VCPU": 1}
    assert oldest["allocation_requests"] == [
        {"allocations": [{"resource_provider": {"uuid": own}, "resources": resources}]}
    ]
    assert oldest["provider_summaries"] == {own: {"resources": {"VCPU": {"capacity": 4, "used": 0}}}}
    newest = (await ask("GET", "/allocation_candidates?resources=VCPU:1")).json()
    assert newest["allocation_requests"] == [{"allocations": {own: {"resources": resources}}, "mappings": {"": [own]}}]
    summary = newest["provider_summaries"][own]
    assert set(summary["resources"]) == {"VCPU", "DISK_GB"}
    assert (summary["traits"], summary["parent_provider_uuid"], summary["root_provider_uuid"]) == ([], None, own)
    assert (await ask("GET", "/allocation_candidates?resources=VCPU:1", version="1.9")).status == 404


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("resources=VCPU:0", "placement.undefined_code"),
        ("resources=NONE:1", "placement.undefined_code"),
        ("resources=VCPU:1&required=CUSTOM_NONE", "placement.undefined_code"),
        ("required=HW_CPU_X86_VMX", "placement.query.missing_value"),
        ("resources=VCPU:1&required1=HW_CPU_X86_VMX", "placement.query.bad_value"),
        ("resources=VCPU:1&root_required=A&root_required=B", "placement.query.duplicate_key"),
        ("resources=VCPU:1&resources1=VCPU:1&resources2=VCPU:1", "placement.undefined_code"),
        ("resources=VCPU:1&member_of=x", "placement.undefined_code"),
        ("resources=VCPU:1&limit=0", "placement.undefined_code"),
    ],
)
async def test_a_wrong_question_is_refused_with_its_code(ask, query, code):
    assert _code(await ask("GET", f"/allocation_candidates?{query}")) == (400, code)


async def test_what_operators_say_outlives_an_agents_report(ask, make, placement):
    path, report = f"/resource_providers/{make.provider_id(1)}", make.report("h1", traits=("HW_CPU_X86_VMX",))
    await placement.client.put_provider(make.provider_id(1), report)
    await ask("PUT", "/traits/CUSTOM_GOLD")
    await ask("PUT", "/resource_classes/CUSTOM_LICENCE")
    await ask("POST", f"{path}/inventories", {"resource_class": "CUSTOM_LICENCE", "total": 3})
    await ask("PUT", f"{path}/traits", {"traits": ["CUSTOM_GOLD"], "resource_provider_generation": 1})
    await ask("PUT", f"{path}/aggregates", {"aggregates": [_AGGREGATE], "resource_provider_generation": 2})
    bigger = make.report("h1", vcpu=16, traits=("HW_CPU_X86_VMX", "HW_CPU_X86_AVX2"))
    await placement.client.put_provider(make.provider_id(1), bigger)
    again = await placement.client.put_provider(make.provider_id(1), bigger)
    assert again.traits == ("CUSTOM_GOLD", "HW_CPU_X86_AVX2")
    assert again.aggregates == (_AGGREGATE,)
    assert (again.inventories["VCPU"].total, again.inventories["CUSTOM_LICENCE"].total) == (16, 3)


async def test_a_root_made_by_hand_takes_no_servers_until_an_agent_reports_it(make, make_provider, placement):
    await make_provider(1, "h1", VCPU=4)
    assert (await placement.client.explain(make.request())).fits == 0
    await placement.client.put_provider(make.provider_id(1), make.report("h1"))
    assert (await placement.client.explain(make.request())).fits == 1


async def test_names_that_agents_report_exist(ask, make, placement):
    report = ProviderReport(name="h1", inventories={"CUSTOM_FPGA": Inventory(total=1)}, traits=("CUSTOM_FAST",))
    await placement.client.put_provider(make.provider_id(1), report)
    assert (await ask("GET", "/resource_classes/CUSTOM_FPGA")).status == 200
    assert (await ask("GET", "/traits/CUSTOM_FAST")).status == 204


async def test_a_closed_service_refuses_to_bind_and_to_renew(database, make):
    async with make.running(database) as service:
        await service.app.close()
        with pytest.raises(Unavailable):
            await service.client.bind("c1")
        with pytest.raises(Unavailable):
            await service.client.renew("c1")
