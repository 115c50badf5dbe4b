"""What is said about hosts: who is removed by it."""

import pytest
from kilonova_placement.model.attributes import FAILURE_HALF_LIFE, Attributes, Said, said_of
from kilonova_placement.model.explanations import in_words
from kilonova_placement.model.requests import Comparison, GroupWish, LabelTerm, Place, Request

_ONE = {"VCPU": 1}


def _asked(**place):
    return Request(resources=_ONE, place=Place(**place))


def _term(key, *values, **more):
    return _asked(labels=(LabelTerm(key=key, values=values, **more),))


def _hosts(make):
    return make.index_of(
        make.host(1, said={"address": "10.1.0.5", "labels": {"rack": ("r1",), "size": ("4",)}}),
        make.host(2, said={"address": "10.2.0.5", "labels": {"rack": ("r2", "spare"), "size": ("10",)}}),
        make.host(3, said={"address": "2001:db8::7", "labels": {"size": ("big",)}, "only_for": ("gold",)}),
        make.host(4, said={"address": "compute-4.example.org", "only_for": ("gold", "silver")}),
        make.host(5),
    )


@pytest.mark.parametrize(
    ("asked", "fit"),
    [
        (_asked(), "h1 h2 h5"),
        (_asked(hosts=("h1", "h5", "nobody")), "h1 h5"),
        (_asked(hosts=()), ""),
        (_asked(hosts=("h1", "h2"), not_hosts=("h2",)), "h1"),
        (_asked(network="10.1.0.0/16"), "h1"),
        (_asked(network="10.1.0.9/14"), "h1 h2"),
        (_asked(network="10.2.0.5/32"), "h2"),
        (_asked(network="2001:db8::/64", carries=("gold",)), "h3"),
        (_asked(network="::/0", carries=("gold", "silver")), "h1 h2 h3"),
        (_asked(network="0.0.0.0/0"), "h1 h2"),
        (_asked(carries=("gold",)), "h1 h2 h3 h5"),
        (_asked(carries=("silver",)), "h1 h2 h5"),
        (_asked(carries=("silver", "gold", "more")), "h1 h2 h3 h4 h5"),
        (_term("rack", "r1"), "h1"),
        (_term("rack", "r1", "spare"), "h1 h2"),
        (_term("rack", "r9"), ""),
        (_term("rack", "r1", or_absent=True), "h1 h5"),
        (_term("color", "red"), ""),
        (_term("color", "red", or_absent=True), "h1 h2 h5"),
        (_term("rack", "r1", "r2", test=Comparison.IS_NOT), "h2"),
        (_term("rack", "a", "r", test=Comparison.CONTAINS), "h2"),
        (_term("rack", "r1", test=Comparison.ABOVE), "h2"),
        (_term("size", "4", as_numbers=True), "h1"),
        (_term("size", "4.0", as_numbers=True), "h1"),
        (_term("size", "4", test=Comparison.IS_NOT, as_numbers=True), "h2"),
        (_term("size", "5", test=Comparison.AT_LEAST, as_numbers=True), "h2"),
        (_term("size", "5", test=Comparison.AT_MOST, as_numbers=True), "h1"),
        (_term("size", "4", test=Comparison.ABOVE, as_numbers=True), "h2"),
        (_term("size", "10", test=Comparison.BELOW, as_numbers=True), "h1"),
        (_term("size", "none", test=Comparison.AT_LEAST, as_numbers=True), ""),
        (_term("size", "5", test=Comparison.BELOW), "h1 h2"),  # as texts "10" is below "5"
    ],
)
def test_a_request_goes_only_where_what_is_said_allows_it(make, asked, fit):
    assert make.all_that_fit(asked, _hosts(make)) == set(fit.split())


@pytest.mark.parametrize(
    ("general", "own", "guests", "fits"),
    [
        ({}, {}, 1000, True),
        ({"guests": 3}, {}, 2, True),
        ({"guests": 3}, {}, 3, False),
        ({"guests": 3}, {"most_guests": 5}, 4, True),
        ({"guests": 3}, {"most_guests": 1}, 1, False),
        ({}, {"most_guests": 2}, 2, False),
    ],
)
def test_a_host_takes_as_many_guests_as_it_may(make, general, own, guests, fits):
    index = make.index_of(make.host(1, said=own, guests=guests), most=general)
    assert bool(make.all_that_fit(Request(resources=_ONE), index)) is fits


def test_many_alike_keep_to_the_limits_together(make):
    index = make.index_of(
        make.host(1), make.host(2, guests=1), make.host(3, said={"most_arriving": 1}), most={"guests": 3}
    )
    found = make.chosen(Request(resources=_ONE), index, 6)
    assert sorted(found) == ["h1", "h1", "h1", "h2", "h2", "h3"]
    assert make.chosen(Request(resources=_ONE), index, 7).fits == 6
    together = Request(resources=_ONE, group=GroupWish(group_id="g", policy="affinity"))
    assert make.chosen(together, index, 3) == ["h1", "h1", "h1"]
    assert make.chosen(together, index, 4).fits == 3


def test_a_host_at_which_enough_arrive_takes_more_a_minute_later(make):
    index = make.index_of(make.host(1), make.host(2, said={"most_arriving": 1}), most={"arriving": 2})
    index.pass_time(1000.0)
    for _ in range(2):
        index.arrive(0)
        index.arrive(1)
    assert make.all_that_fit(Request(resources=_ONE), index) == set()
    index.withdraw(0)
    assert make.all_that_fit(Request(resources=_ONE), index) == {"h1"}
    for second in range(70):
        index.pass_time(1001.0 + second)
    assert make.all_that_fit(Request(resources=_ONE), index) == {"h1", "h2"}
    assert index.attributes.guests[:2].tolist() == [1, 2]


def test_arrivals_withdrawn_in_a_later_slice_leave_nothing_behind(make):
    index = make.index_of(make.host(1))
    index.pass_time(0.0)
    index.arrive(0)
    index.pass_time(15.0)
    index.withdraw(0)
    for seconds in range(20, 200, 5):
        index.pass_time(float(seconds))
        assert index.attributes.arriving[0] == 0


def test_guests_that_came_through_another_process_have_just_arrived(make):
    index = make.index_of(make.host(1, guests=5))
    assert index.attributes.arriving[0] == 0
    index.show([make.host(1, guests=7)])
    assert index.attributes.arriving[0] == 2
    index.show([make.host(1, guests=6)])
    assert (index.attributes.guests[0], index.attributes.arriving[0]) == (6, 2)


def test_failures_count_half_after_the_half_life_and_are_forgotten():
    known = said_of(Attributes(), Said(failed_builds=2), 1000.0)
    assert known.failures_now(1000.0 + FAILURE_HALF_LIFE) == 1.0
    again = said_of(known, Said(failed_builds=1), 1000.0 + FAILURE_HALF_LIFE)
    assert (again.failures, again.failed_at) == (2.0, 1000.0 + FAILURE_HALF_LIFE)
    assert said_of(again, Said(address="::1"), 9e9).failures == 2.0
    assert said_of(again, Said(failed_builds=0), 9e9) == Attributes()


def test_what_is_not_said_stays_and_what_is_said_replaces():
    known = said_of(Attributes(), Said(images=("b", "a", "b"), labels={"k": ("2", "1"), "empty": ()}), 0.0)
    assert known == Attributes(images=("a", "b"), labels={"k": ("1", "2")})
    assert said_of(known, Said(images=()), 0.0) == Attributes(labels={"k": ("1", "2")})


def test_a_label_that_nobody_has_any_more_leaves_its_bit_to_others(make):
    index = make.index_of(make.host(1))
    for number in range(1000):
        index.show([make.host(1, said={"images": (f"image-{number}", f"image-{number + 1}")})])
    assert index.attributes.images.of(0) == {"image-999", "image-1000"}
    assert len(index.attributes.images._words) == 1


def test_a_host_that_is_gone_leaves_nothing_to_the_next_in_its_row(make):
    said = {"address": "10.0.0.1", "labels": {"k": ("v",)}, "only_for": ("gold",), "most_guests": 1, "failures": 3.0}
    index = make.index_of(make.host(1, said=said, guests=1))
    index.drop("host-1")
    index.show([make.host(2)])
    assert index.rows == 1
    assert make.all_that_fit(Request(resources=_ONE), index) == {"h2"}
    assert make.all_that_fit(_term("k", "v"), index) == set()
    assert make.all_that_fit(_asked(network="0.0.0.0/0"), index) == set()
    index.pass_time(1.0)
    assert (index.attributes.guests[0], index.attributes.failures[0]) == (0, 0.0)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (_term("rack", "r7"), "5 hosts are enabled but are not labelled rack=r7."),
        (
            _term("rack", "r7", or_absent=True),
            "2 hosts are enabled but have another rack than r7; otherwise they would do.",
        ),
        (_asked(), "2 hosts are enabled but are kept for others (gold, silver)"),
        (_asked(hosts=("h5",), network="10.0.0.0/8"), "1 host is one of the hosts asked for but has no address in 10"),
        (_term("size", "11", test=Comparison.AT_LEAST, as_numbers=True), "are not labelled size at least 11"),
    ],
)
def test_refusals_say_what_was_said(make, asked, words):
    assert words in in_words(make.explain(asked, _hosts(make)))


def test_a_crowded_host_is_explained(make):
    index = make.index_of(
        make.host(1, guests=9, said={"most_guests": 4}), make.host(2, guests=6, said={"most_guests": 5})
    )
    words = in_words(make.explain(Request(resources=_ONE), index))
    assert "2 hosts are enabled but have too many guests, the nearest 6 of 5 (nearest: h2)." in words
