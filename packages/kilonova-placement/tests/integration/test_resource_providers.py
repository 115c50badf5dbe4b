"""What agents report, read through the Placement API as the real service answers."""

from functools import partial

import pytest
from kilonova_placement.model.providers import Inventory, ProviderReport
from kilonova_placement.store.providers import load_where


@pytest.fixture
async def filled(placement, make):
    """Two hosts, one with a part; server aaaa has 2 VCPU on the first."""
    first = make.report(
        "h1", traits=("HW_CPU_X86_AVX2", "CUSTOM_GOLD"), aggregates=("00000000-0000-0000-0000-00000000a001",)
    )
    await placement.client.put_provider(make.provider_id(1), first)
    await placement.client.put_provider(make.provider_id(2), make.report("h2", vcpu=2, disabled="maintenance"))
    part = ProviderReport(name="h1-gpu", parent_id=make.provider_id(1), inventories={"PGPU": Inventory(total=4)})
    await placement.client.put_provider(make.provider_id(3), part)
    await placement.client.claim(make.request(vcpu=2), [make.owner("aaaa")], ["c1"])
    return placement


@pytest.fixture
def get(filled):
    async def ask(path, version="1.39"):
        headers = {"OpenStack-API-Version": f"placement {version}"}
        return await filled.http.request("GET", path, headers=headers)

    return ask


async def test_the_root_names_the_versions_without_a_token(placement):
    reply = await placement.http.request("GET", "/", token="")
    assert reply.json() == {
        "versions": [
            {
                "id": "v1.0",
                "max_version": "1.39",
                "min_version": "1.0",
                "status": "CURRENT",
                "links": [{"rel": "self", "href": ""}],
            }
        ]
    }


async def test_a_provider_is_shown_as_each_version_has_it(get, make):
    path = f"/resource_providers/{make.provider_id(3)}"
    old = (await get(path, "1.0")).json()
    assert set(old) == {"uuid", "name", "generation", "links"}
    assert [link["rel"] for link in old["links"]] == ["self", "inventories", "usages"]
    assert old["links"][0]["href"] == f"/placement{path}"
    new = await get(path)
    assert [link["rel"] for link in new.json()["links"]] == [
        "self",
        "inventories",
        "usages",
        "aggregates",
        "traits",
        "allocations",
    ]
    assert new.json()["parent_provider_uuid"] == new.json()["root_provider_uuid"] == make.provider_id(1)
    assert new.headers["cache-control"] == "no-cache"
    assert new.headers["last-modified"].endswith("GMT")
    assert "cache-control" not in (await get(path, "1.14")).headers


@pytest.mark.parametrize(
    ("query", "version", "names"),
    [
        ("", "1.0", "h1 h1-gpu h2"),
        ("?name=h2", "1.0", "h2"),
        ("?uuid=00000000-0000-0000-0000-000000000001", "1.0", "h1"),
        ("?in_tree=00000000-0000-0000-0000-000000000003", "1.14", "h1 h1-gpu"),
        ("?in_tree=00000000-0000-0000-0000-000000000099", "1.14", ""),
        ("?resources=VCPU:2", "1.4", "h1 h2"),
        ("?resources=VCPU:7", "1.4", ""),
        ("?resources=VCPU:6,MEMORY_MB:7680", "1.4", "h1"),
        ("?member_of=00000000-0000-0000-0000-00000000a001", "1.3", "h1"),
        ("?member_of=in:00000000-0000-0000-0000-00000000a001,00000000-0000-0000-0000-00000000a002", "1.3", "h1"),
        ("?member_of=!00000000-0000-0000-0000-00000000a001", "1.32", "h1-gpu h2"),
        ("?required=CUSTOM_GOLD", "1.18", "h1"),
        ("?required=!CUSTOM_GOLD", "1.22", "h1-gpu h2"),
        ("?required=in:CUSTOM_GOLD,HW_CPU_X86_VMX", "1.39", "h1"),
    ],
)
async def test_providers_are_filtered(get, query, version, names):
    reply = await get(f"/resource_providers{query}", version)
    assert [one["name"] for one in reply.json()["resource_providers"]] == names.split()


@pytest.mark.parametrize(
    ("path", "version", "status"),
    [
        ("/resource_providers?colour=red", "1.0", 400),
        ("/resource_providers?in_tree=00000000-0000-0000-0000-000000000001", "1.13", 400),
        ("/resource_providers?uuid=x", "1.0", 400),
        ("/resource_providers?resources=VCPU", "1.4", 400),
        ("/resource_providers?resources=NONSENSE:1", "1.4", 400),
        ("/resource_providers?required=NONSENSE", "1.18", 400),
        ("/resource_providers?required=!CUSTOM_GOLD", "1.21", 400),
        ("/resource_providers?member_of=!00000000-0000-0000-0000-00000000a001", "1.31", 400),
        ("/resource_providers/00000000-0000-0000-0000-000000000099", "1.0", 404),
        ("/resource_providers/00000000-0000-0000-0000-000000000001/inventories/PGPU", "1.0", 404),
        ("/resource_providers/00000000-0000-0000-0000-000000000001/traits", "1.5", 404),
        ("/resource_classes/NONSENSE", "1.39", 404),
        ("/traits/NONSENSE", "1.39", 404),
        ("/traits?name=VCPU", "1.39", 400),
        ("/traits?associated=maybe", "1.39", 400),
        ("/nothing", "1.39", 404),
        ("/resource_providers", "1.40", 406),
    ],
)
async def test_what_is_wrong_is_said_in_the_placement_apis_form(get, path, version, status):
    reply = await get(path, version)
    error = reply.json()["errors"][0]
    assert (reply.status, error["status"]) == (status, status)
    assert error["detail"].strip()


async def test_what_hangs_on_a_provider(get, make):
    own = f"/resource_providers/{make.provider_id(1)}"
    generation = (await get(own)).json()["generation"]
    inventories = (await get(f"{own}/inventories")).json()
    assert inventories["resource_provider_generation"] == generation
    assert inventories["inventories"]["VCPU"] == {
        "total": 8,
        "reserved": 0,
        "min_unit": 1,
        "max_unit": 8,
        "step_size": 1,
        "allocation_ratio": 1.0,
    }
    one = (await get(f"{own}/inventories/VCPU")).json()
    assert one == {**inventories["inventories"]["VCPU"], "resource_provider_generation": generation}
    usages = (await get(f"{own}/usages")).json()
    assert usages["usages"] == {"VCPU": 2, "MEMORY_MB": 512, "DISK_GB": 1}
    part = (await get(f"/resource_providers/{make.provider_id(3)}/usages")).json()
    assert part["usages"] == {"PGPU": 0}
    assert (await get(f"{own}/aggregates", "1.1")).json() == {"aggregates": ["00000000-0000-0000-0000-00000000a001"]}
    assert (await get(f"{own}/aggregates")).json()["resource_provider_generation"] == generation
    assert (await get(f"{own}/traits")).json()["traits"] == ["CUSTOM_GOLD", "HW_CPU_X86_AVX2"]
    allocations = (await get(f"{own}/allocations")).json()["allocations"]
    assert allocations == {"aaaa": {"resources": usages["usages"], "consumer_generation": 1}}


async def test_what_a_consumer_has(get, make):
    found = (await get("/allocations/aaaa")).json()
    assert found["allocations"][make.provider_id(1)]["resources"] == {"VCPU": 2, "MEMORY_MB": 512, "DISK_GB": 1}
    assert (found["project_id"], found["user_id"]) == ("p1", "u1")
    assert (found["consumer_generation"], found["consumer_type"]) == (1, "INSTANCE")
    assert set((await get("/allocations/aaaa", "1.0")).json()) == {"allocations"}
    assert set((await get("/allocations/aaaa", "1.12")).json()) == {"allocations", "project_id", "user_id"}
    assert (await get("/allocations/nobody")).json() == {"allocations": {}}


async def test_classes_and_traits_are_the_standard_ones_and_the_reported(get):
    classes = [one["name"] for one in (await get("/resource_classes")).json()["resource_classes"]]
    assert classes[:3] == ["VCPU", "MEMORY_MB", "DISK_GB"]
    one = (await get("/resource_classes/VCPU")).json()
    assert one == {"name": "VCPU", "links": [{"rel": "self", "href": "/placement/resource_classes/VCPU"}]}
    traits = (await get("/traits")).json()["traits"]
    assert {"HW_CPU_X86_VMX", "CUSTOM_GOLD"} <= set(traits)
    assert (await get("/traits?associated=true")).json()["traits"] == ["CUSTOM_GOLD", "HW_CPU_X86_AVX2"]
    assert (await get("/traits?name=startswith:CUSTOM")).json()["traits"] == ["CUSTOM_GOLD"]
    assert (await get("/traits?name=in:CUSTOM_GOLD,NOPE")).json()["traits"] == ["CUSTOM_GOLD"]
    assert (await get("/traits/CUSTOM_GOLD")).status == 204


async def test_a_list_of_one_name_or_tree_reads_no_other_provider(filled, get, make):
    async def read(**wanted):
        asked = {"name": None, "provider_id": None, "root_id": None, **wanted}
        uses = await filled.app.database.read(partial(load_where, **asked))
        return {use.provider.name: use.used.get("VCPU", 0) for use in uses}

    assert await read(name="h1") == {"h1": 2}
    assert await read(provider_id=make.provider_id(2)) == {"h2": 0}
    assert await read(root_id=make.provider_id(1)) == {"h1": 2, "h1-gpu": 0}
    assert await read(root_id=make.provider_id(1), name="h2") == {}
    assert len(await read()) == 3
    tree = (await get(f"/resource_providers?in_tree={make.provider_id(3)}&resources=VCPU:6")).json()
    assert [provider["name"] for provider in tree["resource_providers"]] == ["h1"]
