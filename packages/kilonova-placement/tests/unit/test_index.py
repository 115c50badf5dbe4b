"""The index after any changes equals one that is built anew."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from kilonova_placement.deciding.index import Index, Part
from kilonova_placement.model.providers import Inventory, Provider, ProviderUse

_CLASSES = ("VCPU", "MEMORY_MB", "PGPU")
_inventories = st.dictionaries(st.sampled_from(_CLASSES), st.builds(Inventory, total=st.integers(0, 20)))
_traits = st.frozensets(st.sampled_from("ABCD")).map(lambda found: tuple(sorted(found)))


@st.composite
def _operations(draw):
    """Puts of hosts and of their parts, drops of parts and of hosts, takes and gives."""
    return draw(
        st.lists(
            st.tuples(
                st.sampled_from(("put", "part", "drop", "take", "give")),
                st.integers(0, 4),
                _inventories,
                _traits,
                st.sampled_from(_CLASSES),
                st.integers(1, 5),
            ),
            max_size=40,
        )
    )


class _Model:
    """Plain dictionaries that remember what was said."""

    def __init__(self):
        self.providers: dict[str, Provider] = {}
        self.used: dict[str, dict[str, int]] = {}

    def uses(self, ids):
        return [ProviderUse(provider=self.providers[key], used=_without_zeros(self.used[key])) for key in ids]


def _without_zeros(used):
    return {name: amount for name, amount in used.items() if amount}


def _apply(index, model, operation):
    kind, number, inventories, traits, resource_class, amount = operation
    host, part = f"host{number}", f"part{number}"
    if kind == "put":
        _put(index, model, host, host, None, inventories, traits)
    elif kind == "part" and host in model.providers:
        _put(index, model, part, host, host, inventories, traits)
    elif kind == "drop":
        key = part if part in model.providers else host
        if model.providers.pop(key, None):
            del model.used[key]
            index.drop(key)
    elif kind in ("take", "give") and host in model.providers:
        key = part if part in model.providers else host
        change = amount if kind == "take" else -min(amount, model.used[key].get(resource_class, 0))
        model.used[key][resource_class] = model.used[key].get(resource_class, 0) + change
        index.take([Part(index.row_of(key), resource_class, change)])


def _put(index, model, key, root, parent, inventories, traits):
    model.providers[key] = Provider(
        provider_id=key,
        name=key,
        generation=1,
        root_id=root,
        parent_id=parent,
        inventories=inventories,
        traits=traits,
    )
    model.used.setdefault(key, {})
    index.show(model.uses({root, key}))


@given(_operations())
@settings(max_examples=200, deadline=None)
def test_an_index_changed_in_place_equals_one_built_anew(operations):
    index, model = Index(room=1), _Model()
    for operation in operations:
        _apply(index, model, operation)
    fresh = Index(room=8)
    fresh.show(model.uses(model.providers))
    assert {key for key, _ in index.providers()} == set(model.providers)
    assert index.hosts == fresh.hosts
    for key, provider in model.providers.items():
        ours, theirs = index.row_of(key), fresh.row_of(key)
        assert index.used(ours) == fresh.used(theirs) == _without_zeros(model.used[key])
        assert index.names[ours] == provider.name
        assert index.is_host[ours] == fresh.is_host[theirs] == (provider.parent_id is None)
        if provider.parent_id is None:
            assert index.traits.of(ours) == fresh.traits.of(theirs)
            for name in _CLASSES:
                for column in ("free", "beyond", "max_unit"):
                    assert _column(index, name, column, ours) == _column(fresh, name, column, theirs)


def _column(index, name, column, row):
    columns = index.classes.get(name)
    return 0 if columns is None else int(getattr(columns, column)[row])


def test_rows_that_are_free_again_hold_nothing(make):
    index = make.index_of(make.host(1, traits=("A",), zone="z"), make.host(2))
    index.drop("host-1")
    assert index.hosts == 1
    assert not index.open[0]
    assert all(columns.free[0] == 0 for columns in index.classes.values())
    index.show([make.host(3)])
    assert index.row_of("host-3") == 0
    assert index.traits.of(0) == frozenset()
    assert np.flatnonzero(index.is_host[: index.rows]).tolist() == [0, 1]


def test_a_renamed_host_is_found_by_its_new_name_only(make):
    index = make.index_of(make.host(1, name="old"))
    index.show([make.host(1, name="new")])
    assert (index.row_of_host("old"), index.row_of_host("new"), index.hosts) == (None, 0, 1)
