import pytest
from kilonova_placement.model.providers import Inventory
from kilonova_placement.model.requests import DeviceWish, ImageNeeds, Place, Request

_ONE = {"VCPU": 1}


def _hosts(make):
    return make.index_of(
        make.host(1, cell="cell1", zone="east", aggregates=("ssd", "fast"), traits=("AVX", "SSE")),
        make.host(2, cell="cell1", zone="east", aggregates=("ssd",), traits=("AVX",), disabled="maintenance"),
        make.host(3, cell="cell2", zone="west", aggregates=("fast",), traits=("SSE",)),
        make.host(4, cell="cell2", traits=("SSE", "WINDOWS"), down="no heartbeat"),
        make.host(5, cell="cell2", zone="west", vcpu=2, ram=512, disk=1),
    )


@pytest.mark.parametrize(
    ("asked", "fit"),
    [
        (Request(resources=_ONE), "h1 h3 h5"),
        (Request(resources={"VCPU": 3}), "h1 h3"),
        (Request(resources={"VCPU": 9}), ""),
        (Request(resources={"MEMORY_MB": 512}), "h1 h3 h5"),
        (Request(resources={"MEMORY_MB": 513}), "h1 h3"),
        (Request(resources={"VCPU": 1, "DISK_GB": 2}), "h1 h3"),
        (Request(resources={"CUSTOM_MAGIC": 1}), ""),
        (Request(resources=_ONE, required_traits=("AVX",)), "h1"),
        (Request(resources=_ONE, required_traits=("SSE",)), "h1 h3"),
        (Request(resources=_ONE, required_traits=("SSE", "AVX")), "h1"),
        (Request(resources=_ONE, required_traits=("NOBODY_HAS_IT",)), ""),
        (Request(resources=_ONE, image=ImageNeeds(traits=("AVX",))), "h1"),
        (Request(resources=_ONE, forbidden_traits=("AVX",)), "h3 h5"),
        (Request(resources=_ONE, forbidden_traits=("AVX", "SSE")), "h5"),
        (Request(resources=_ONE, forbidden_traits=("NOBODY_HAS_IT",)), "h1 h3 h5"),
        (Request(resources=_ONE, place=Place(zone="east")), "h1"),
        (Request(resources=_ONE, place=Place(zone="north")), ""),
        (Request(resources=_ONE, place=Place(cell="cell2")), "h3 h5"),
        (Request(resources=_ONE, place=Place(cell="cell9")), ""),
        (Request(resources=_ONE, place=Place(aggregates=(("ssd", "fast"),))), "h1 h3"),
        (Request(resources=_ONE, place=Place(aggregates=(("ssd",), ("fast",)))), "h1"),
        (Request(resources=_ONE, place=Place(aggregates=(("none",),))), ""),
        (Request(resources=_ONE, place=Place(host="h3")), "h3"),
        (Request(resources=_ONE, place=Place(host="h2")), ""),
        (Request(resources=_ONE, place=Place(host="nobody")), ""),
        (Request(resources=_ONE, place=Place(not_hosts=("h1", "h3", "nobody"))), "h5"),
    ],
)
def test_a_request_passes_only_where_all_it_asks_is_there(make, asked, fit):
    assert make.all_that_fit(asked, _hosts(make)) == set(fit.split())


@pytest.mark.parametrize(
    ("inventory", "used", "amount", "fits"),
    [
        (Inventory(total=10), 0, 10, True),
        (Inventory(total=10), 1, 10, False),
        (Inventory(total=10, reserved=2), 0, 9, False),
        (Inventory(total=10, allocation_ratio=2.0), 10, 10, True),
        (Inventory(total=10, allocation_ratio=2.0), 0, 11, False),  # one claim never gets more than there is
        (Inventory(total=10, allocation_ratio=1.55), 8, 7, True),
        (Inventory(total=10, allocation_ratio=1.55), 8, 8, False),
        (Inventory(total=10, max_unit=4), 0, 5, False),
        (Inventory(total=10, max_unit=4), 0, 4, True),
        (Inventory(total=10, min_unit=3), 0, 2, False),
        (Inventory(total=10, min_unit=3), 0, 3, True),
        (Inventory(total=10, step_size=4), 0, 6, False),
        (Inventory(total=10, step_size=4), 0, 8, True),
        (Inventory(total=10), 12, 1, False),
        (Inventory(total=4, reserved=9), 0, 1, False),
    ],
)
def test_an_amount_must_be_free_and_of_a_size_that_may_be_asked(make, inventory, used, amount, fits):
    index = make.index_of(make.host(1, inventories={"DISK_GB": inventory}, used={"DISK_GB": used}))
    assert bool(make.all_that_fit(Request(resources={"DISK_GB": amount}), index)) is fits
    assert (make.chosen(Request(resources={"DISK_GB": amount}), index) == ["h1"]) is fits


def test_units_of_one_host_do_not_bind_another(make):
    index = make.index_of(
        make.host(1, inventories={"DISK_GB": Inventory(total=100, step_size=10, min_unit=20)}),
        make.host(2, inventories={"DISK_GB": Inventory(total=100)}),
    )
    assert make.all_that_fit(Request(resources={"DISK_GB": 15}), index) == {"h2"}
    assert make.all_that_fit(Request(resources={"DISK_GB": 30}), index) == {"h1", "h2"}


def test_a_divisible_amount_comes_whole_from_one_part_and_devices_from_several(make):
    index = make.index_of(make.host(1), make.part(1, 1, PGPU=3, SRIOV_NET_VF=3), make.part(2, 1, PGPU=3))
    wish = DeviceWish(resource_class="PGPU", count=5)
    assert make.chosen(Request(resources=_ONE, devices=(wish,)), index) == ["h1"]
    refused = make.chosen(Request(resources={"PGPU": 5}), index)
    assert refused.fits == 0
    assert make.chosen(Request(resources={"PGPU": 3}), index) == ["h1"]
    assert make.chosen(Request(resources={"PGPU": 3}), index, 2) == ["h1", "h1"]
    assert make.chosen(Request(resources={"PGPU": 3}), index, 3).fits == 2


def test_more_than_sixty_four_traits_are_told_apart(make):
    hosts = [make.host(number, traits=(f"CUSTOM_T{number}", "CUSTOM_ALL")) for number in range(200)]
    index = make.index_of(*hosts)
    for number in (0, 63, 64, 127, 128, 199):
        asked = Request(resources=_ONE, required_traits=(f"CUSTOM_T{number}", "CUSTOM_ALL"))
        assert make.all_that_fit(asked, index) == {f"h{number}"}
    assert len(make.all_that_fit(Request(resources=_ONE, forbidden_traits=("CUSTOM_T70",)), index)) == 199
