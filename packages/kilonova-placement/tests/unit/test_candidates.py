"""Candidates: the same as every combination tried by hand, as long as the combinations are few."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kilonova_placement.deciding.candidates import Asked, Group, combining, find, rows_to_summarize
from kilonova_placement.deciding.index import Index
from kilonova_placement.model.providers import Inventory, Provider, ProviderUse

SHARES = "MISC_SHARES_VIA_AGGREGATE"


def _use(name, parent="", root="", traits=(), aggregates=(), used=None, **totals):
    inventories = {key: Inventory(total=total) for key, total in totals.items()}
    provider = Provider(
        provider_id=name,
        name=name,
        generation=1,
        root_id=root or parent or name,
        parent_id=parent or None,
        inventories=inventories,
        traits=tuple(traits),
        aggregates=tuple(aggregates),
    )
    return ProviderUse(provider=provider, used=used or {})


def _index(*uses):
    index = Index(room=2)
    index.show(uses)
    return index


def _found(index, *groups, **more):
    named = [
        {suffix: {index.names[row] for row in rows} for suffix, rows in one.mappings.items()}
        for one in find(Asked(groups=groups, **more), index)
    ]
    return sorted(tuple(sorted((suffix, *sorted(names)) for suffix, names in one.items())) for one in named)


def _tree():
    """Two hosts with two devices each; one device of h2 is taken."""
    return _index(
        *(_use(f"h{host}", VCPU=8, MEMORY_MB=1024) for host in (1, 2)),
        *(_use(f"h{host}d{number}", f"h{host}", PGPU=1, traits=[f"T{number}"]) for host in (1, 2) for number in (1, 2)),
    )


def test_a_group_without_a_suffix_may_take_from_several_providers_of_a_tree():
    found = _found(_tree(), Group(suffix="", resources={"VCPU": 1, "PGPU": 1}))
    assert found == [(("", "h1", "h1d1"),), (("", "h1", "h1d2"),), (("", "h2", "h2d1"),), (("", "h2", "h2d2"),)]


def test_isolated_groups_take_different_providers():
    one, two = Group(suffix="1", resources={"PGPU": 1}), Group(suffix="2", resources={"PGPU": 1})
    found = _found(_tree(), one, two, isolate=True)
    assert len(found) == 4
    assert (("1", "h1d1"), ("2", "h1d2")) in found


def test_no_provider_gives_more_than_it_has():
    groups = [Group(suffix=str(number), resources={"PGPU": 1}) for number in range(3)]
    assert _found(_tree(), *groups) == []


def test_traits_of_a_plain_group_may_be_had_together():
    group = Group(suffix="", resources={"VCPU": 1, "PGPU": 1}, required=(frozenset(("T2",)),))
    assert _found(_tree(), group) == [(("", "h1", "h1d2"),), (("", "h2", "h2d2"),)]


def test_a_group_in_a_tree_stays_there():
    group = Group(suffix="1", resources={"PGPU": 1}, in_tree="h2d1")
    assert _found(_tree(), group) == [(("1", "h2d1"),), (("1", "h2d2"),)]
    assert _found(_tree(), Group(suffix="1", resources={"PGPU": 1}, in_tree="nobody")) == []


def test_who_shares_serves_the_hosts_of_its_aggregate_once():
    index = _index(
        _use("h1", VCPU=8, aggregates=["a"]),
        _use("h2", VCPU=8),
        _use("store", DISK_GB=100, traits=[SHARES], aggregates=["a"]),
    )
    assert _found(index, Group(suffix="", resources={"VCPU": 1, "DISK_GB": 5})) == [(("", "h1", "store"),)]
    assert _found(index, Group(suffix="", resources={"DISK_GB": 5})) == [(("", "store"),)]


def test_same_subtree_wants_one_provider_above_the_others():
    index = _index(
        _use("h"),
        *(_use(f"numa{number}", "h", root="h", VCPU=4) for number in (0, 1)),
        *(_use(f"gpu{number}", f"numa{number}", root="h", PGPU=1) for number in (0, 1)),
    )
    cpu, gpu = Group(suffix="_C", resources={"VCPU": 1}), Group(suffix="_G", resources={"PGPU": 1})
    assert len(_found(index, cpu, gpu)) == 4
    near = _found(index, cpu, gpu, same_subtrees=(frozenset(("_C", "_G")),))
    assert near == [(("_C", "numa0"), ("_G", "gpu0")), (("_C", "numa1"), ("_G", "gpu1"))]


def test_clients_that_know_no_trees_get_no_two_providers_of_one():
    index = _tree()
    asked = Asked(groups=(Group(suffix="", resources={"VCPU": 1, "PGPU": 1}),), nested=False)
    assert find(asked, index) == []
    alone = find(Asked(groups=(Group(suffix="", resources={"VCPU": 1}),), nested=False), index)
    assert [index.names[row] for row in rows_to_summarize(alone, index, nested=False)] == ["h1", "h2"]
    assert len(rows_to_summarize(alone, index, nested=True)) == 6


@pytest.mark.parametrize("isolate", [True, False])
def test_eight_like_devices_for_eight_groups_are_one_candidate_of_each_host(isolate):
    uses = [_use(f"h{host}", VCPU=8) for host in range(10)]
    uses += [_use(f"h{host}d{number}", f"h{host}", PGPU=1) for host in range(10) for number in range(8)]
    groups = tuple(Group(suffix=str(number), resources={"PGPU": 1}) for number in range(8))
    found = find(Asked(groups=groups, isolate=isolate), _index(*uses))
    assert len(found) == 10
    assert all(len(one.parts) == 8 for one in found)


@pytest.mark.parametrize("isolate", [True, False])
def test_the_work_for_eight_of_eight_devices_grows_with_devices_not_with_their_orders(isolate, monkeypatch):
    hosts, devices = 10, 8
    uses = [_use(f"h{host}", VCPU=8) for host in range(hosts)]
    uses += [_use(f"h{host}d{number}", f"h{host}", PGPU=1) for host in range(hosts) for number in range(devices)]
    groups = tuple(Group(suffix=str(number), resources={"PGPU": 1}) for number in range(devices))
    index, tried = _index(*uses), []
    honest = combining._Search._take
    monkeypatch.setattr(combining._Search, "_take", lambda self, *words: tried.append(words) or honest(self, *words))
    assert len(find(Asked(groups=groups, isolate=isolate), index)) == hosts
    assert len(tried) <= hosts * devices * 3  # the real service goes through 8! = 40,320 orders for every host


def test_nine_groups_do_not_fit_on_eight_unlike_devices():
    uses = [_use("h"), *(_use(f"d{number}", "h", PGPU=1, traits=[f"T{number}"]) for number in range(8))]
    groups = tuple(Group(suffix=str(number), resources={"PGPU": 1}) for number in range(9))
    assert find(Asked(groups=groups, isolate=True), _index(*uses)) == []


def test_the_limit_takes_one_candidate_of_each_tree_first():
    one = Group(suffix="1", resources={"PGPU": 1})
    index = _tree()
    found = find(Asked(groups=(one,), limit=2), index)
    assert {index.names[row] for candidate in found for row in candidate.parts} == {"h1d1", "h2d1"}


_TRAITS = st.sets(st.sampled_from(["T1", "T2"]), max_size=2)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 1), _TRAITS), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 2), st.sampled_from([(), ("T1",), ("T2",)])), min_size=1, max_size=3),
    st.booleans(),
)
def test_it_finds_what_trying_everything_finds(devices, wishes, isolate):
    names = [f"d{number}" for number in range(len(devices))]
    uses = [_use("h")]
    for name, (total, used, traits) in zip(names, devices, strict=True):
        uses.append(_use(name, "h", traits=sorted(traits), used={"PGPU": min(used, total)}, PGPU=total))
    groups = [
        Group(suffix=str(number), resources={"PGPU": amount}, required=tuple(frozenset((name,)) for name in required))
        for number, (amount, required) in enumerate(wishes, 1)
    ]
    expected = []
    for chosen in product(range(len(devices)), repeat=len(groups)):
        sums = {number: devices[number][1] for number in chosen}
        good = not isolate or len(set(chosen)) == len(chosen)
        for number, (amount, required) in zip(chosen, wishes, strict=True):
            sums[number] += amount
            good = good and set(required) <= devices[number][2]
        if good and all(total <= devices[number][0] for number, total in sums.items()):
            pairs = zip(groups, chosen, strict=True)
            expected.append(tuple(sorted((group.suffix, names[number]) for group, number in pairs)))
    assert _found(_index(*uses), *groups, isolate=isolate) == sorted(expected)


_AMOUNTS = st.fixed_dictionaries({"PGPU": st.integers(0, 3), "VGPU": st.integers(0, 3)})


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(_AMOUNTS, _TRAITS), min_size=1, max_size=4),
    st.lists(st.tuples(_AMOUNTS, st.sampled_from([(), ("T1",)])), min_size=1, max_size=4),
    st.booleans(),
)
def test_many_combinations_are_none_exactly_when_trying_everything_finds_none(devices, wishes, isolate):
    wishes = [(wish, required) for wish, required in wishes if any(wish.values())] or [({"PGPU": 1}, ())]
    uses = [_use("h"), *(_use(f"d{n}", "h", traits=sorted(traits), **of) for n, (of, traits) in enumerate(devices))]
    groups = tuple(
        Group(
            suffix=str(number),
            resources={name: amount for name, amount in wish.items() if amount},
            required=tuple(frozenset((name,)) for name in required),
        )
        for number, (wish, required) in enumerate(wishes)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(combining, "_MANY", 0)
        found = find(Asked(groups=groups, isolate=isolate), _index(*uses))
    assert bool(found) == any(
        _goes(chosen, devices, wishes, isolate) for chosen in product(range(len(devices)), repeat=len(wishes))
    )


def _goes(chosen, devices, wishes, isolate):
    sums = [{"PGPU": 0, "VGPU": 0} for _ in devices]
    for number, (wish, required) in zip(chosen, wishes, strict=True):
        if not set(required) <= devices[number][1]:
            return False
        for name, amount in wish.items():
            sums[number][name] += amount
    apart = not isolate or len(set(chosen)) == len(chosen)
    return apart and all(
        used <= of[name] for taken, (of, _) in zip(sums, devices, strict=True) for name, used in taken.items()
    )


@pytest.mark.parametrize("isolate", [True, False])
def test_seventeen_groups_for_sixteen_unlike_devices_are_refused_without_a_search(isolate, monkeypatch):
    uses = [_use("h"), *(_use(f"d{number}", "h", PGPU=1, traits=[f"T{number}"]) for number in range(16))]
    groups = tuple(Group(suffix=str(number), resources={"PGPU": 1}) for number in range(17))
    monkeypatch.setattr(combining._Search, "_take", lambda *words: pytest.fail("it searched"))
    assert find(Asked(groups=groups, isolate=isolate), _index(*uses)) == []


def test_searches_that_find_nothing_do_not_add_up_for_ever(monkeypatch):
    """Nine groups on unlike devices, one of which would have to stand above all others."""
    monkeypatch.setattr(combining, "_MOST_FRUITLESS", 1000)
    monkeypatch.setattr(combining, "_MOST_STEPS", 1000)
    steps = []
    honest = combining._Search._take
    monkeypatch.setattr(combining._Search, "_take", lambda self, *words: steps.append(1) or honest(self, *words))
    uses = []
    for host in range(20):
        uses += [_use(f"h{host}"), *(_use(f"s{host}-{side}", f"h{host}") for side in (0, 1))]
        for number in range(16):
            more = {"root": f"h{host}", "traits": [f"T{number}"], "PGPU": 1}
            uses.append(_use(f"d{host}-{number}", f"s{host}-{number % 2}", **more))
    groups = tuple(Group(suffix=f"_{number}", resources={"PGPU": 1}) for number in range(9))
    suffixes = frozenset(group.suffix for group in groups)
    find(Asked(groups=groups, isolate=True, same_subtrees=(suffixes,)), _index(*uses))
    assert len(steps) <= 2 * 1001 + 20 * 201
