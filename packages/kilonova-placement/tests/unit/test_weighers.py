import pytest
from kilonova_placement.model.providers import Inventory
from kilonova_placement.model.requests import ImageNeeds, Place, Request

_ASKED = Request(resources={"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1})
_OFF = {"ram": 0.0, "vcpu": 0.0, "disk": 0.0}


@pytest.mark.parametrize(
    ("weigher", "resource", "multiplier", "best"),
    [
        ("ram", "ram", 1.0, "h2"),
        ("ram", "ram", -1.0, "h1"),
        ("vcpu", "vcpu", 1.0, "h2"),
        ("vcpu", "vcpu", -1.0, "h1"),
        ("disk", "disk", 1.0, "h2"),
        ("disk", "disk", -1.0, "h1"),
    ],
)
def test_a_weigher_spreads_or_packs_by_its_own_class(make, weigher, resource, multiplier, best):
    usual = {"ram": 8192, "vcpu": 8, "disk": 100}
    index = make.index_of(make.host(1, **usual), make.host(2, **{**usual, resource: usual[resource] * 2}))
    assert make.chosen(_ASKED, index, **{**_OFF, weigher: multiplier}) == [best]


def test_preferred_traits_win_among_equals_and_exclude_nobody(make):
    index = make.index_of(make.host(1), make.host(2, traits=("A",)), make.host(3, traits=("A", "B")))
    asked = Request(resources={"VCPU": 1}, preferred_traits=("A", "B", "NOBODY_HAS_IT"))
    assert make.chosen(asked, index) == ["h3"]
    assert len(make.all_that_fit(asked, index)) == 3


def test_many_alike_are_spread_evenly(make):
    index = make.index_of(*(make.host(number) for number in range(4)))
    chosen = make.chosen(_ASKED, index, 8)
    assert sorted(chosen) == sorted(["h0", "h1", "h2", "h3"] * 2)


def test_many_alike_are_packed_when_the_operator_says_so(make):
    index = make.index_of(*(make.host(number, vcpu=4) for number in range(3)))
    chosen = make.chosen(_ASKED, index, 8, ram=-1.0, vcpu=-1.0, disk=-1.0)
    assert sorted(chosen.count(name) for name in set(chosen)) == [4, 4]


def test_chance_decides_between_equals_and_a_seed_repeats_it(make):
    index = make.index_of(*(make.host(number) for number in range(10)))
    chooser = make.chooser()
    from kilonova_placement.deciding.choosing import choose

    picks = [choose(_ASKED, 1, index, chooser)[0].root for _ in range(30)]
    again = make.chooser()
    assert picks == [choose(_ASKED, 1, index, again)[0].root for _ in range(30)]
    assert len(set(picks)) > 3


def test_the_winners_weights_are_explained(make):
    index = make.index_of(make.host(1, ram=4096), make.host(2, ram=8192, used={"MEMORY_MB": 2048}))
    winner = make.explain(_ASKED, index).winner
    assert winner.host == "h2"
    assert winner.weights == {"ram": 0.75, "vcpu": 1.0, "disk": 1.0}


_EVEN = {"ram": 0.0, "vcpu": 0.0, "disk": 0.0}


@pytest.mark.parametrize(
    ("one", "other", "asked", "multipliers", "best"),
    [
        ({"guests": 3}, {"guests": 1}, {}, {"guests": -1.0}, "h2"),
        ({"guests": 3}, {"guests": 1}, {}, {"guests": 1.0}, "h1"),
        ({"said": {"failures": 1.0}}, {"vcpu": 4}, {"vcpu": 1.0}, {}, "h2"),
        ({"said": {"failures": 0.1}}, {"vcpu": 4}, {"vcpu": 1.0}, {}, "h1"),
        ({"said": {"failures": 1.0}}, {"vcpu": 4}, {"vcpu": 1.0}, {"failures": 0.0}, "h1"),
        ({"said": {"hypervisor_version": 8}}, {"said": {"hypervisor_version": 9}}, {}, {}, "h2"),
        (
            {"said": {"hypervisor_version": 8}},
            {"said": {"hypervisor_version": 9}},
            {},
            {"hypervisor_version": -1},
            "h1",
        ),
        ({"said": {"images": ("i",)}}, {"vcpu": 8}, {"image": "i"}, {}, "h1"),
        ({"said": {"images": ("i",)}}, {"said": {"images": ("j",)}}, {"image": "j"}, {}, "h2"),
        ({"cell": "c1", "vcpu": 64}, {"cell": "c2"}, {"near": "c2", "vcpu": 1.0}, {}, "h2"),
        ({"cell": "c1"}, {"cell": "c2"}, {"near": "c2"}, {"near_cell": -1.0}, "h1"),
    ],
)
def test_what_is_said_about_hosts_is_weighed(make, one, other, asked, multipliers, best):
    index = make.index_of(make.host(1, **one), make.host(2, **other))
    request = Request(
        resources={"VCPU": 1},
        image=ImageNeeds(image_id=asked.get("image", "")),
        place=Place(near_cell=asked.get("near", "")),
    )
    found = make.chosen(request, index, **{**_EVEN, "vcpu": asked.get("vcpu", 0.0), **multipliers})
    assert found == [best]


def test_where_many_arrive_fewer_follow(make):
    index = make.index_of(make.host(1), make.host(2, used={"VCPU": 1}))
    asked, counting = Request(resources={"VCPU": 1}), -8.0
    assert make.chosen(asked, index) == ["h1"]
    index.pass_time(0.0)
    for _ in range(3):
        index.arrive(0)
    assert make.chosen(asked, index, arriving=counting) == ["h2"]
    assert make.chosen(asked, index, arriving=0.0) == ["h1"]
    for seconds in range(10, 90, 10):
        index.pass_time(float(seconds))
    assert make.chosen(asked, index, arriving=counting) == ["h1"]


def test_an_image_at_hand_draws_a_few_and_then_no_more(make):
    hosts = [make.host(1, said={"images": ("i",)}), *(make.host(number) for number in range(2, 12))]
    asked = Request(resources={"VCPU": 1}, image=ImageNeeds(image_id="i"))
    off = {**_EVEN, "arriving": -0.01}
    in_one_call = make.chosen(asked, make.index_of(*hosts), 12, **off)
    assert 3 <= in_one_call.count("h1") <= 5
    index, one_by_one = make.index_of(*hosts), []
    for _ in range(12):
        one_by_one += make.chosen(asked, index, **off)
        index.arrive(index.row_of_host(one_by_one[-1]))
    assert 3 <= one_by_one.count("h1") <= 5


def test_servers_that_come_slowly_are_not_all_on_the_hosts_that_had_the_image_first(make):
    """A host has the image as soon as it has had a server of it. Hosts are large: room alone would draw nobody on."""
    index = make.index_of(
        *(make.host(number, vcpu=1000, said={"images": ("i",)} if number < 2 else {}) for number in range(8))
    )
    asked, chosen = Request(resources={"VCPU": 1}, image=ImageNeeds(image_id="i")), []
    for number in range(80):
        index.pass_time(1000.0 * number)
        chosen += make.chosen(asked, index, ram=0.0, disk=0.0)
        row = index.row_of_host(chosen[-1])
        index.arrive(row)
        index.attributes.images.put(row, ("i",))
    assert set(chosen[:4]) == {"h0", "h1"}
    assert max(chosen.count(name) for name in set(chosen)) <= 80 / 8 + 4


def test_guests_of_any_image_count_only_beyond_what_hosts_have_usually(make):
    """Where everybody is busy, the image still draws; where only one host is, it does not."""
    asked = Request(resources={"VCPU": 1}, image=ImageNeeds(image_id="i"))
    for others, weight in ((50, 1.0), (48, 0.5), (0, 0.0)):
        index = make.index_of(
            make.host(1, guests=50, said={"images": ("i",)}),
            *(make.host(number, guests=others) for number in range(2, 1002)),
        )
        explained = make.explain(Request(resources=asked.resources, image=asked.image, place=Place(host="h1")), index)
        assert explained.winner.weights["images"] == weight


def test_a_hosts_own_multipliers_count_for_it_alone(make):
    index = make.index_of(
        make.host(1, ram=4096),
        make.host(2, ram=8192, said={"multipliers": {"ram": -1.0}}),
        make.host(3, ram=2048),
    )
    asked = Request(resources={"MEMORY_MB": 1})
    assert make.chosen(asked, index, vcpu=0.0, disk=0.0) == ["h1"]
    assert make.chosen(asked, index, vcpu=0.0, disk=0.0, ram=0.0) != ["h2"]
    one = make.index_of(make.host(1, said={"multipliers": {"ram": 2.5}}))
    assert make.explain(asked, one).winner.weights["ram"] == 2.5


def test_a_hosts_own_multiplier_counts_as_more_alike_are_put_on_it(make):
    packs = {"multipliers": {"ram": -1.0}}
    index = make.index_of(make.host(1, ram=8192, said=packs), make.host(2, ram=8192, said=packs))
    chosen = make.chosen(Request(resources={"MEMORY_MB": 1024}), index, 8, vcpu=0.0, disk=0.0)
    assert sorted(chosen.count(name) for name in set(chosen)) == [8]


def test_hosts_with_devices_are_spared_for_those_who_ask_for_them(make):
    gpus = {"VCPU": Inventory(total=64), "PGPU": Inventory(total=1)}
    index = make.index_of(make.host(1, inventories=gpus), make.host(2, inventories={"VCPU": Inventory(total=63)}))
    asked = Request(resources={"VCPU": 1})
    assert make.chosen(asked, index) == ["h2"]
    assert make.chosen(asked, index, scarce=0.0) == ["h1"]
    assert make.chosen(Request(resources={"VCPU": 1, "PGPU": 1}), index) == ["h1"]
    assert make.explain(Request(resources={"VCPU": 1, "PGPU": 1}), index).winner.weights["scarce"] == 0.0
    index.show([make.host(1, inventories=gpus, used={"PGPU": 1})])
    assert make.chosen(asked, index) == ["h1"]
