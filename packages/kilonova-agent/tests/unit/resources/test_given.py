"""What guests get for themselves: never the same, always the same again."""

import itertools
import uuid

import msgspec
import pytest
from kilonova_agent.resources.given import Given, choose
from kilonova_agent.resources.layouts import laid_out
from kilonova_driver.errors import NoResources
from kilonova_driver.types.guests import CpuPin, CpuTopology, Feature, GuestSpec
from kilonova_messages.providers import provider_id
from kilonova_messages.wishes import WishedCell, WishedDevices, WishedLayout

HOST_ID = "6a1ff2a4-8b5d-4b5e-9e2f-0d3b8a8d3c11"
NODES = [provider_id(HOST_ID, "NUMA0"), provider_id(HOST_ID, "NUMA1")]
GPUS = WishedDevices(
    resource_class="CUSTOM_PCI_10DE_1DB6", count=1, provider_id=provider_id(HOST_ID, "NUMA1_PCI_10DE_1DB6")
)
FEATURES = frozenset(feature.value for feature in Feature)


@pytest.fixture
def tree(tree_of):
    return tree_of(cpu_dedicated_set="1-3,5-7", pci_devices=[{"vendor_id": "10de"}])


def cell(node, *cpus, **changes):
    return WishedCell(cpus=cpus, memory_mib=64, provider_id=NODES[node], **changes)


def dedicated(make_wish, *cells, **changes):
    cpus = tuple(cpu for one in cells for cpu in one.cpus)
    return make_wish(vcpus=len(cpus), layout=WishedLayout(cells=cells, dedicated_cpus=cpus, **changes))


def spec_of(wish, given, tree, features=FEATURES):
    spec = GuestSpec(guest_id=wish.guest_id, name="web", vcpus=wish.vcpus, memory_mib=wish.memory_mib)
    return laid_out(spec, wish, given, tree, features)


def test_no_two_guests_share_a_dedicated_processor(tree, make_wish):
    given = []
    for node in (0, 1, 1):
        given.append(choose(dedicated(make_wish, cell(node, 0, 1)), tree, Given(), given))
    for one, other in itertools.combinations(given, 2):
        assert not one.processors & other.processors
    assert [sorted(one.pins.values()) for one in given] == [[1, 5], [2, 6], [3, 7]]
    with pytest.raises(NoResources, match="only 0 are free"):
        choose(dedicated(make_wish, cell(0, 0)), tree, Given(), given)


def test_what_was_chosen_stays_as_long_as_it_will_do(tree, make_wish):
    wish = dedicated(make_wish, cell(1, 0, 1))
    before = Given(pins={0: 7, 1: 3})
    assert choose(wish, tree, before, []) == before
    assert choose(wish, tree, before, [Given(pins={0: 7})]).processors == {2, 6}
    moved = choose(dedicated(make_wish, cell(0, 0, 1)), tree, before, [])
    assert moved.processors == {1, 5}


def test_isolated_guests_leave_siblings_idle_and_nobody_takes_them(tree, make_wish):
    first = choose(dedicated(make_wish, cell(1, 0), thread_policy="isolate"), tree, Given(), [])
    assert (set(first.pins.values()), first.idle) == ({2}, (6,))
    second = choose(dedicated(make_wish, cell(1, 0, 1)), tree, Given(), [first])
    assert second.processors == {3, 7}


def test_emulator_threads_get_a_processor_of_their_own_when_isolated(tree, make_wish):
    wish = dedicated(make_wish, cell(1, 0, 1, 2), emulator_threads="isolate")
    given = choose(wish, tree, Given(), [])
    assert len(given.processors) == 4
    assert spec_of(wish, given, tree).layout.emulator_cpus == (given.emulator,)
    assert choose(wish, tree, given, []) == given


def test_devices_are_never_handed_to_two_and_stay(tree, make_wish):
    wish = make_wish(devices=(GPUS,))
    first = choose(wish, tree, Given(), [])
    second = choose(wish, tree, Given(), [first])
    assert [one.devices[0].address for one in (first, second)] == ["0000:3b:00.0", "0000:3c:00.0"]
    assert choose(wish, tree, second, [first]) == second
    with pytest.raises(NoResources, match="only 0 are free"):
        choose(wish, tree, Given(), [first, second])


def test_devices_of_one_group_go_to_one_guest(tree_of, machine, make_wish):
    tied = tuple(msgspec.structs.replace(one, group="7") for one in machine.pci_devices)
    tree = tree_of(msgspec.structs.replace(machine, pci_devices=tied), pci_devices=[{"vendor_id": "10de"}])
    first = choose(make_wish(devices=(GPUS,)), tree, Given(), [])
    with pytest.raises(NoResources):
        choose(make_wish(devices=(GPUS,)), tree, Given(), [first])


def test_a_part_that_is_gone_is_told(tree, make_wish):
    lost = msgspec.structs.replace(cell(0, 0), provider_id=provider_id(HOST_ID, "NUMA9"))
    with pytest.raises(NoResources, match="not there any more"):
        choose(dedicated(make_wish, lost), tree, Given(), [])


def test_what_is_no_device_is_claimed_and_not_handed_over(tree, make_wish):
    license_of_nobody_here = WishedDevices(resource_class="CUSTOM_LICENSE", count=2, provider_id=str(uuid.uuid4()))
    assert choose(make_wish(devices=(license_of_nobody_here,)), tree, Given(), []) == Given()


def test_a_device_that_was_claimed_and_is_gone_is_told(tree_of, machine, make_wish):
    bare = tree_of(msgspec.structs.replace(machine, pci_devices=()), pci_devices=[{"vendor_id": "10de"}])
    with pytest.raises(NoResources):
        choose(make_wish(devices=(GPUS,)), bare, Given(), [])


def test_the_layout_holds_this_hosts_numbers(tree, make_wish):
    wish = dedicated(make_wish, cell(0, 0), cell(1, 1, page_size_kib=2048), topology=CpuTopology(sockets=2))
    given = choose(wish, tree, Given(), [])
    spec = spec_of(wish, given, tree)
    assert [one.host_node for one in spec.layout.cells] == [0, 1]
    assert [pin.host_cpus for pin in spec.layout.pins] == [(given.pins[0],), (given.pins[1],)]
    assert spec.layout.emulator_cpus == tuple(sorted(given.pins.values()))
    assert spec.required_features == ("cpu_topology", "numa", "pinning", "huge_pages")


def test_ordinary_guests_stay_off_the_dedicated_processors(tree, tree_of, make_wish):
    wish = make_wish(vcpus=2)
    shared = spec_of(wish, Given(), tree).layout
    assert shared.pins == (CpuPin(cpu=0, host_cpus=(0, 4)), CpuPin(cpu=1, host_cpus=(0, 4)))
    assert shared.emulator_cpus == (0, 4)
    assert not spec_of(wish, Given(), tree_of()).layout.pins
    assert not spec_of(wish, Given(), tree, frozenset()).required_features


def test_shared_processors_of_a_cell_are_near_its_memory(tree_of, make_wish):
    wish = make_wish(vcpus=2, layout=WishedLayout(cells=(cell(0, 0), cell(1, 1))))
    assert [pin.host_cpus for pin in spec_of(wish, Given(), tree_of()).layout.pins] == [(0, 1, 4, 5), (2, 3, 6, 7)]
    mixed = tree_of(cpu_dedicated_set="1-3")
    assert [pin.host_cpus for pin in spec_of(wish, Given(), mixed).layout.pins] == [(0, 4, 5), (6, 7)]


def test_a_mixed_guest_has_both_kinds(tree, make_wish):
    wish = make_wish(
        vcpus=2, layout=WishedLayout(cells=(cell(0, 0, 1),), dedicated_cpus=(1,), emulator_threads="share")
    )
    given = choose(wish, tree, Given(), [])
    layout = spec_of(wish, given, tree).layout
    assert [pin.host_cpus for pin in layout.pins] == [(0, 4), (given.pins[1],)]
    assert layout.emulator_cpus == (0, 4)
