"""Typed requests over the native API, with the ledger and the database behind it."""

import msgspec
import pytest
from kilonova_kit.errors import BadRequest
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.providers import Inventory, ProviderReport
from kilonova_placement.model.requests import Bundle, DeviceWish, NumaCell, NumaPolicy, NumaWish, Request


@pytest.fixture
async def machine(placement, make):
    """A host with two nodes of four cores, and a device at the second; its providers by their names."""
    ids = {name: make.provider_id(number) for number, name in enumerate(("h", "n0", "n1", "gpu"), 1)}

    async def put(name, parent=None, traits=(), **totals):
        report = ProviderReport(
            name=name,
            parent_id=ids.get(parent),
            traits=traits,
            inventories={key: Inventory(total=total) for key, total in totals.items()},
        )
        await placement.client.put_provider(ids[name], report)

    await put("h", VCPU=8, MEMORY_MB=8192, DISK_GB=100)
    for node in ("n0", "n1"):
        await put(node, "h", ("HW_NUMA_ROOT",), PCPU=4, NUMA_MEMORY_MB=4096)
    await put("gpu", "n1", CUSTOM_GPU=2)
    return {provider_id: name for name, provider_id in ids.items()}


def pinned(*cores, **more):
    cells = tuple(NumaCell(memory_mb=1024, dedicated_cores=number) for number in cores)
    return Request(numa=NumaWish(cells=cells), resources={"DISK_GB": 1}, **more)


def parts(claim, machine):
    return {machine[part.provider_id]: part.amounts for part in claim.providers}


async def test_the_claim_says_which_part_gives_what_and_keeps_saying_it(placement, make, machine):
    (claim,) = await placement.client.claim(pinned(4, 1), [make.owner("a")], ["c1"])
    found = parts(claim, machine)
    assert found["h"] == {"DISK_GB": 1, "MEMORY_MB": 2048}
    assert sorted(found[node]["PCPU"] for node in ("n0", "n1")) == [1, 4]
    assert parts(await placement.client.get("c1"), machine) == found
    assert parts(await placement.client.bind("c1"), machine) == found
    with pytest.raises(Refused) as caught:
        await placement.client.claim(pinned(2, 1), [make.owner("b")], ["c2"])
    assert (
        "has too few NUMA nodes with 1 PCPU and 1024 MB of memory or 2 PCPU and 1024 MB of memory free (1 of 2)"
        in str(caught.value)
    )
    await placement.client.release("c1")
    (again,) = await placement.client.claim(pinned(2, 1), [make.owner("b")], ["c2"])
    assert set(parts(again, machine)) == {"h", "n0", "n1"}


async def test_devices_are_claimed_near_the_cores_until_there_are_none(placement, make, machine):
    near = pinned(1, devices=(DeviceWish(resource_class="CUSTOM_GPU", near=NumaPolicy.REQUIRED),))
    claims = await placement.client.claim(near, [make.owner("a")], ["c1", "c2"])
    assert [parts(claim, machine)["gpu"] for claim in claims] == [{"CUSTOM_GPU": 1}] * 2
    assert all("n1" in parts(claim, machine) for claim in claims)
    with pytest.raises(Refused, match="lacks 1 CUSTOM_GPU"):
        await placement.client.claim(near, [make.owner("a")], ["c3"])


async def test_bundles_come_from_one_part_each(placement, make, machine):
    bundles = tuple(Bundle(name=name, resources={"PCPU": 3}) for name in ("1", "2"))
    (claim,) = await placement.client.claim(Request(bundles=bundles), [make.owner("a")], ["c1"])
    assert parts(claim, machine) == {"n0": {"PCPU": 3}, "n1": {"PCPU": 3}}


async def test_a_request_of_version_1_still_reads(placement, make, machine):
    old = b'{"resources": {"VCPU": 1}, "devices": [{"resource_class": "CUSTOM_GPU", "count": 1}], "version": 1}'
    request = msgspec.json.decode(old, type=Request)
    (claim,) = await placement.client.claim(request, [make.owner("a")], ["c1"])
    assert parts(claim, machine) == {"h": {"VCPU": 1}, "gpu": {"CUSTOM_GPU": 1}}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(bundles=(Bundle(name="1", required_traits=("HW_NUMA_ROOT",)),)), "asks for no resources"),
        (Request(resources={"VCPU": 1}, same_subtree=(("1",),)), "there is no bundle 1"),
        (pinned(1, machine="CUSTOM_MACHINE"), "a whole machine is not asked for together"),
        (pinned(1, version=99), "newer than this service"),
    ],
)
async def test_requests_that_make_no_sense_are_refused(placement, make, machine, request_, words):
    with pytest.raises(BadRequest, match=words):
        await placement.client.claim(request_, [make.owner("a")], ["c1"])
