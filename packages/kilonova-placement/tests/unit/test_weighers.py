import pytest
from kilonova_placement.model.requests import Request

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
