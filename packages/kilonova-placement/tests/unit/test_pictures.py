"""A picture that is kept and repaired equals a fresh one, whatever happens in between."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kilonova_placement.deciding import pictures as pictures_module
from kilonova_placement.deciding.changes import ChangedRows
from kilonova_placement.deciding.choosing import Chooser, choose
from kilonova_placement.deciding.criteria import OURS, Criteria
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.pictures import Picture, Pictures
from kilonova_placement.deciding.spreading import spread
from kilonova_placement.model.attributes import Attributes
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.providers import Inventory, Provider, ProviderUse
from kilonova_placement.model.requests import Comparison, DeviceWish, ImageNeeds, LabelTerm, Place, Request

_KINDS = (
    Request(resources={"VCPU": 1}),
    Request(resources={"VCPU": 2, "MEMORY_MB": 3}, preferred_traits=("A", "B")),
    Request(resources={"MEMORY_MB": 2}, required_traits=("A",), forbidden_traits=("C",)),
    Request(resources={"VCPU": 1}, devices=(DeviceWish(resource_class="PGPU", count=2),)),
    Request(resources={"VCPU": 1}, place=Place(zone="z", not_hosts=("h1",))),
    Request(
        resources={"VCPU": 1},
        place=Place(
            network="10.0.0.0/9",
            hosts=("h1", "h2", "h3", "h4"),
            labels=(LabelTerm(key="k", values=("2",), test=Comparison.AT_LEAST, as_numbers=True, or_absent=True),),
            carries=("m",),
            near_cell="c1",
        ),
        image=ImageNeeds(image_id="i"),
    ),
    Request(resources={"VCPU": 1}, place=Place(host="h2", cell="c1", aggregates=(("a", "b"), ("c",)))),
)
_CRITERIA = Criteria({"ram": 1.5, "vcpu": -1.0})
_hosts = st.fixed_dictionaries(
    {
        "inventories": st.dictionaries(
            st.sampled_from(("VCPU", "MEMORY_MB", "PGPU")),
            st.builds(Inventory, total=st.integers(0, 12), max_unit=st.integers(0, 4)),
        ),
        "traits": st.frozensets(st.sampled_from("ABC")).map(sorted).map(tuple),
        "zone": st.sampled_from(("", "z")),
        "cell": st.sampled_from(("c1", "c2")),
        "aggregates": st.frozensets(st.sampled_from("abc")).map(sorted).map(tuple),
        "disabled": st.sampled_from(("", "", "broken")),
        "attributes": st.builds(
            Attributes,
            address=st.sampled_from(("10.1.1.1", "10.200.1.1", "not an address")),
            images=st.sampled_from(((), ("i",), ("i", "j"))),
            hypervisor_version=st.sampled_from((0, 8, 9)),
            labels=st.sampled_from(({}, {"k": ("1",)}, {"k": ("1", "3")})),
            only_for=st.sampled_from(((), ("m",), ("m", "n"))),
            multipliers=st.sampled_from(({}, {"ram": -2.0}, {"guests": 3.0})),
            most_guests=st.sampled_from((0, 2)),
            most_arriving=st.sampled_from((0, 2)),
            failures=st.sampled_from((0.0, 2.0)),
        ),
    }
)
_happenings = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), _hosts),
        st.tuples(st.just("part"), st.integers(0, 5), _hosts),
        st.tuples(st.just("drop"), st.integers(0, 5)),
        st.tuples(st.just("claim"), st.integers(0, len(_KINDS) - 1), st.integers(1, 3)),
        st.tuples(st.just("look"), st.integers(0, len(_KINDS) - 1), st.integers(1, 3)),
        st.tuples(st.just("release"), st.integers(0, 20)),
        st.tuples(st.just("wait"), st.integers(1, 2000)),
    ),
    min_size=1,
    max_size=40,
)


class _World:
    """An index, what was said of it, and who has what."""

    def __init__(self):
        self.index, self.said, self.taken, self.now = Index(room=1), {}, [], 0.0
        self.chooser = Chooser(_CRITERIA, Random(1), Pictures(most=4, worth_it=0))

    def show(self, key, root, **words):
        parent = None if key == root else root
        self.said[key] = Provider(provider_id=key, name=key, generation=1, root_id=root, parent_id=parent, **words)
        self.index.show(
            ProviderUse(provider=self.said[one], used=self._used(one), guests=self._guests(one)) for one in {key, root}
        )

    def _guests(self, key):
        row = self.index.row_of(key)
        return 0 if row is None else int(self.index.attributes.guests[row])

    def _used(self, key):
        row = self.index.row_of(key)
        return {} if row is None else self.index.used(row)

    def happen(self, kind, *words):
        getattr(self, kind)(*words)

    def put(self, number, host):
        self.show(f"h{number}", f"h{number}", **host)

    def part(self, number, host):
        if f"h{number}" in self.said:
            self.show(f"p{number}", f"h{number}", inventories=host["inventories"], traits=host["traits"])

    def drop(self, number):
        key = f"p{number}" if f"p{number}" in self.said else f"h{number}"
        row = self.index.row_of(key)
        self.taken = [(root, parts) for root, parts in self.taken if all(part.row != row for part in parts)]
        if self.said.pop(key, None):
            self.index.drop(key)

    def claim(self, number, count):
        found = choose(_KINDS[number], count, self.index, self.chooser)
        for placement in [] if isinstance(found, Explanation) else found:
            self.index.take(placement.parts)
            self.index.arrive(placement.root)
            self.taken.append(placement)

    def look(self, number, count):
        """Choosing that is not followed by a claim leaves no trace."""
        choose(_KINDS[number], count, self.index, self.chooser)

    def release(self, number):
        if self.taken:
            root, parts = self.taken.pop(number % len(self.taken))
            self.index.give(parts)
            self.index.leave(root)

    def wait(self, seconds):
        self.now += seconds
        self.index.pass_time(self.now)

    def compare(self):
        for request in _KINDS:
            kept = self.chooser.pictures.of(request, self.index, _CRITERIA)
            fresh = Picture(request, self.index, _CRITERIA)
            for row in np.flatnonzero(kept.scores != fresh.scores).tolist():
                assert kept.scores[row] == -np.inf, "a score is not what it is"
                assert spread(fresh.wanted, self.index, row, {}) is None, "somebody who could give it is left out"
            best = kept.best(Random(1))
            assert (best is None) == (not np.isfinite(kept.scores).any())
            assert best is None or kept.scores[best] == kept.scores.max()


@given(_happenings)
@settings(max_examples=300, deadline=None)
def test_a_kept_picture_equals_a_fresh_one(happenings):
    world = _World()
    for happening in happenings:
        world.happen(*happening)
        world.compare()


def test_only_what_changed_is_looked_at_again(make, monkeypatch):
    index = make.index_of(*(make.host(number) for number in range(200)))
    looked_at = []
    honest = pictures_module.score

    def counted(wanted, index, criteria):
        looked_at.append(index.rows)
        return honest(wanted, index, criteria)

    monkeypatch.setattr(pictures_module, "score", counted)
    chooser = make.chooser()
    for _ in range(20):
        (placement,) = choose(Request(resources={"VCPU": 1}), 1, index, chooser)
        index.take(placement.parts)
    assert looked_at == [200] + [1] * 19


def test_what_hosts_have_usually_counts_anew_when_it_has_changed(make):
    index = make.index_of(make.host(1, guests=2, said={"images": ("i",)}), make.host(2), make.host(3))
    asked, pictures = Request(resources={"VCPU": 1}, image=ImageNeeds(image_id="i")), Pictures(worth_it=0)
    before = pictures.of(asked, index, OURS).scores[0]
    for _ in range(10):
        index.arrive(index.row_of_host("h2"))
    assert pictures.of(asked, index, OURS).scores[0] == before + 0.5 == Picture(asked, index, OURS).scores[0]


def test_the_kinds_asked_for_last_are_kept(make):
    index, pictures = make.index_of(make.host(1)), Pictures(most=2)
    one, two, three = (pictures.of(Request(resources={"VCPU": n}), index, OURS) for n in (1, 2, 3))
    assert pictures.of(Request(resources={"VCPU": 3}), index, OURS) is three
    assert pictures.of(Request(resources={"VCPU": 2}), index, OURS) is two
    assert pictures.of(Request(resources={"VCPU": 1}), index, OURS) is not one


def test_equals_are_chosen_by_chance_wherever_they_stand(make):
    index = make.index_of(*(make.host(number) for number in range(600)))
    picture, random = Picture(Request(resources={"VCPU": 1}), index, OURS), Random(3)
    chosen = {picture.best(random) for _ in range(2000)}
    assert min(chosen) < 10
    assert max(chosen) > 590
    assert len(chosen) > 400


@pytest.mark.parametrize("many", [5, 30_000])
def test_changes_too_long_ago_are_not_named(many):
    changed = ChangedRows()
    for row in range(many):
        changed.add(row)
    assert changed.since(many) == set()
    assert changed.since(many - 2) == {many - 2, many - 1}
    assert changed.since(0) == (set(range(5)) if many == 5 else None)
    assert changed.since(many - 5) == set(range(many - 5, many))
    assert many == 5 or changed.since(many - 10_000) == set(range(many - 10_000, many))
