"""What trees are found to give equals what trying every way finds, on trees small enough to try."""

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.spreading import spread
from kilonova_placement.deciding.wanted import translate
from kilonova_placement.model.providers import Inventory, Provider, ProviderUse
from kilonova_placement.model.requests import Bundle, DeviceWish, NumaCell, NumaPolicy, NumaWish, Request

_few = st.integers(0, 4)
_nodes = st.lists(st.tuples(_few, _few, _few), min_size=1, max_size=4)  # PCPU, NUMA_MEMORY_MB, devices of each


def _index(nodes):
    host = _use("h", None, (), MEMORY_MB=99)
    children = [
        _use(f"n{number}", "h", ("HW_NUMA_ROOT",), PCPU=cores, NUMA_MEMORY_MB=memory, CUSTOM_GPU=devices)
        for number, (cores, memory, devices) in enumerate(nodes)
    ]
    index = Index(room=2)
    index.show([host, *children])
    return index


def _use(name, parent, traits, **amounts):
    inventories = {key: Inventory(total=amount) for key, amount in amounts.items() if amount}
    provider = Provider(
        provider_id=name,
        name=name,
        generation=1,
        root_id=parent or name,
        parent_id=parent,
        traits=traits,
        inventories=inventories,
    )
    return ProviderUse(provider=provider, used={})


def _given(request, index):
    parts = spread(translate(request, index), index, index.row_of_host("h"), {})
    for part in parts or ():
        taken = sum(one.amount for one in parts if one[:2] == part[:2])
        assert taken <= index.left(part.row, part.resource_class)
    return parts is not None


@given(_nodes, st.lists(st.tuples(_few, st.integers(1, 4)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_cells_find_their_nodes_wherever_there_is_a_way(nodes, wanted):
    cells = tuple(NumaCell(dedicated_cores=cores, memory_mb=memory) for cores, memory in wanted)
    has_memory = any(memory for _, memory, _ in nodes)
    possible = len(cells) <= len(nodes) and any(
        all(
            cell.dedicated_cores <= node[0] and (not has_memory or cell.memory_mb <= node[1])
            for cell, node in zip(cells, chosen, strict=False)
        )
        for chosen in permutations(nodes, len(cells))
    )
    assert _given(Request(numa=NumaWish(cells=cells)), _index(nodes)) is possible


@given(_nodes, st.lists(_few, min_size=1, max_size=3), st.integers(1, 9))
@settings(max_examples=300, deadline=None)
def test_cells_find_the_nodes_with_their_devices_wherever_there_are_such(nodes, wanted, devices):
    request = Request(
        numa=NumaWish(cells=tuple(NumaCell(dedicated_cores=cores, memory_mb=1) for cores in wanted)),
        devices=(DeviceWish(resource_class="CUSTOM_GPU", count=devices, near=NumaPolicy.REQUIRED),),
    )
    has_memory = any(memory for _, memory, _ in nodes)
    possible = len(wanted) <= len(nodes) and any(
        all(cores <= node[0] and (not has_memory or node[1]) for cores, node in zip(wanted, chosen, strict=False))
        and sum(node[2] for node in chosen) >= devices
        for chosen in permutations(nodes, len(wanted))
    )
    assert _given(request, _index(nodes)) is possible


@given(_nodes, st.lists(st.tuples(_few, _few), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_bundles_apart_find_their_providers_wherever_there_is_a_way(nodes, wanted):
    asked = [{"PCPU": cores, "CUSTOM_GPU": devices} for cores, devices in wanted]
    bundles = tuple(
        Bundle(name=str(number), resources={name: amount for name, amount in one.items() if amount} or {"PCPU": 1})
        for number, one in enumerate(asked)
    )
    needs = [(bundle.resources.get("PCPU", 0), bundle.resources.get("CUSTOM_GPU", 0)) for bundle in bundles]
    possible = len(needs) <= len(nodes) and any(
        all(cores <= node[0] and devices <= node[2] for (cores, devices), node in zip(needs, chosen, strict=False))
        for chosen in permutations(nodes, len(needs))
    )
    assert _given(Request(bundles=bundles, bundles_apart=True), _index(nodes)) is possible
