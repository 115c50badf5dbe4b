"""What the parts of a host give: cells on nodes, devices near them, bundles, whole machines; and why not."""

import pytest
from kilonova_placement.deciding.index import Index, Part
from kilonova_placement.deciding.spreading import shortfall, spread
from kilonova_placement.deciding.wanted import translate
from kilonova_placement.model.providers import Inventory, Provider, ProviderUse
from kilonova_placement.model.requests import (
    Bundle,
    DeviceWish,
    NumaCell,
    NumaPolicy,
    NumaWish,
    Request,
    ThreadPolicy,
    contradiction,
)

PAGES_2M, PAGES_1G = "CUSTOM_MEMORY_PAGES_2048KB", "CUSTOM_MEMORY_PAGES_1048576KB"


def of(name, parent=None, *, root=None, traits=(), used=None, **inventories):
    """A provider of a tree; an inventory is a total or an Inventory."""
    found = {key: one if isinstance(one, Inventory) else Inventory(total=one) for key, one in inventories.items()}
    provider = Provider(
        provider_id=name,
        name=name,
        generation=1,
        root_id=root or parent or name,
        parent_id=parent,
        inventories=found,
        traits=tuple(traits),
    )
    return ProviderUse(provider=provider, used=used or {})


def node(name, *, host="h", traits=(), **inventories):
    return of(name, host, traits=("HW_NUMA_ROOT", *traits), **inventories)


def numa_host(*more, host="h", nodes=2, cores=8, memory=8192, **extra):
    """A host as docs/decisions/0011 draws it: dedicated cores and the memory of nodes below, the rest above."""
    below = [node(f"{host}n{n}", host=host, PCPU=cores, NUMA_MEMORY_MB=memory, **extra) for n in range(nodes)]
    return of(host, VCPU=16, MEMORY_MB=nodes * memory, DISK_GB=100), *below, *more


def index_of(*uses):
    index = Index(room=2)
    index.show(uses)
    return index


def parts(request, index, taken=None, host="h"):
    """``{provider: {class: amount}}``, or why not in words."""
    wanted, root = translate(request, index), index.row_of_host(host)
    found = spread(wanted, index, root, taken or {})
    short = shortfall(wanted, index, root)
    if found is None:
        assert short is not None or taken
        return short.words if short else None
    amounts = {}
    for part in found:
        here = amounts.setdefault(index.names[part.row], {})
        here[part.resource_class] = here.get(part.resource_class, 0) + part.amount
    return amounts


def cells(*each, memory=1024, classes=("MEMORY_MB",), **more):
    found = tuple(NumaCell(memory_mb=memory, dedicated_cores=cores) for cores in each)
    return Request(numa=NumaWish(cells=found, memory_classes=classes), **more)


# --- cells


def test_two_pinned_cells_are_on_two_nodes():
    assert parts(cells(6, 6), index_of(*numa_host())) == {
        "hn0": {"PCPU": 6, "NUMA_MEMORY_MB": 1024},
        "hn1": {"PCPU": 6, "NUMA_MEMORY_MB": 1024},
        "h": {"MEMORY_MB": 2048},
    }


def test_one_cell_is_never_on_two_nodes():
    assert parts(cells(12), index_of(*numa_host())) == "no NUMA node with 12 PCPU and 1024 MB of memory free"


def test_two_cells_are_never_on_one_node():
    index = index_of(*numa_host(nodes=1, cores=16))
    assert parts(cells(6, 6), index) == "fewer NUMA nodes than the 2 asked for (1)"


def test_what_is_taken_of_a_node_counts():
    index = index_of(*numa_host())
    assert parts(cells(6, 6), index, {(index.row_of("hn1"), "PCPU"): 3}) is None
    assert parts(cells(6), index, {(index.row_of("hn1"), "PCPU"): 3})["hn0"]["PCPU"] == 6


def test_unequal_cells_find_the_only_way():
    """The first cell fits on both nodes, the second on one: which goes where is a matching, not a first fit."""
    index = index_of(
        of("h", MEMORY_MB=8192),
        node("small", PCPU=4, NUMA_MEMORY_MB=4096),
        node("middle", PCPU=6, NUMA_MEMORY_MB=4096),
        node("large", PCPU=8, NUMA_MEMORY_MB=4096),
    )
    found = parts(cells(3, 5, 7), index)
    assert {name: found[name]["PCPU"] for name in ("small", "middle", "large")} == {"small": 3, "middle": 5, "large": 7}
    assert parts(cells(5, 5, 3), index)["small"]["PCPU"] == 3
    assert "too few NUMA nodes" in parts(cells(5, 5, 5), index)


def test_small_cells_leave_the_emptiest_node_whole():
    index = index_of(*numa_host())
    found = parts(cells(2), index, {(index.row_of("hn1"), "PCPU"): 4})
    assert set(found) == {"hn1", "h"}


def test_a_cell_needs_the_memory_of_its_node():
    index = index_of(*numa_host(memory=1500))
    assert parts(cells(2, memory=2000), index) == "no NUMA node with 2 PCPU and 2000 MB of memory free"


def test_a_host_without_nodes_is_one_node():
    index = index_of(of("h", VCPU=4, PCPU=4, MEMORY_MB=4096))
    assert parts(cells(2), index) == {"h": {"PCPU": 2, "MEMORY_MB": 1024}}
    assert parts(cells(2, 2), index) == "fewer NUMA nodes than the 2 asked for (1)"


def test_cells_of_shared_cores_are_on_nodes_that_have_some():
    host, first, second = numa_host()
    whole = node("hn1", traits=("CUSTOM_NO_SHARED_PROCESSORS",), PCPU=8, NUMA_MEMORY_MB=8192)
    wish = NumaCell(memory_mb=512, shared_cores=2)
    index = index_of(host, first, whole)
    assert parts(Request(numa=NumaWish(cells=(wish,))), index, {(index.row_of("hn0"), "NUMA_MEMORY_MB"): 1})["hn0"]
    assert parts(Request(numa=NumaWish(cells=(wish,) * 2)), index).startswith("too few NUMA nodes with 2 VCPU")
    assert parts(cells(6, 6), index)["hn1"]["PCPU"] == 6
    assert parts(Request(numa=NumaWish(cells=(wish,) * 2)), index_of(host, first, second))["hn1"]


def test_mixed_cells_take_shared_cores_of_the_host():
    wish = NumaWish(cells=(NumaCell(memory_mb=512, dedicated_cores=1, shared_cores=3),) * 2)
    found = parts(Request(numa=wish, resources={"DISK_GB": 5}), index_of(*numa_host()))
    assert found["h"] == {"VCPU": 6, "MEMORY_MB": 1024, "DISK_GB": 5}


def test_nodes_that_have_all_give_all():
    """A tree as nova's plan has it, or an operator's own: shared cores and memory at the nodes."""
    nodes = [node(f"n{number}", VCPU=4, MEMORY_MB=4096) for number in range(2)]
    wish = NumaWish(cells=(NumaCell(memory_mb=3000, shared_cores=3),) * 2)
    found = parts(Request(numa=wish), index_of(of("h", DISK_GB=9), *nodes))
    assert found == {name: {"VCPU": 3, "MEMORY_MB": 3000} for name in ("n0", "n1")}


# --- pages


def test_huge_pages_come_from_the_node_instead_of_memory():
    index = index_of(*numa_host(**{PAGES_2M: Inventory(total=2048, step_size=2)}))
    assert parts(cells(2, classes=(PAGES_2M,)), index) == {"hn0": {"PCPU": 2, PAGES_2M: 1024}}
    assert "no NUMA node" in parts(cells(2, memory=1023, classes=(PAGES_2M,)), index)


def test_the_first_size_of_pages_with_which_all_cells_fit_is_taken():
    host, _, without_large = numa_host(**{PAGES_2M: 4096})
    index = index_of(host, node("hn0", PCPU=8, **{PAGES_1G: 4096, PAGES_2M: 4096}), without_large)
    assert parts(cells(2, classes=(PAGES_1G, PAGES_2M)), index) == {"hn0": {"PCPU": 2, PAGES_1G: 1024}}
    both = parts(cells(2, 2, classes=(PAGES_1G, PAGES_2M)), index)
    assert both == {name: {"PCPU": 2, PAGES_2M: 1024} for name in ("hn0", "hn1")}
    any_size = parts(cells(2, memory=8000, classes=(PAGES_1G, PAGES_2M, "MEMORY_MB")), index)
    assert any_size == {"hn1": {"PCPU": 2, "NUMA_MEMORY_MB": 8000}, "h": {"MEMORY_MB": 8000}}


# --- devices


def gpu(name, parent, count=1, *, traits=(), root="h"):
    return of(name, parent, root=root, traits=traits, CUSTOM_GPU=count)


def test_eight_of_eight_devices_are_counted_out():
    index = index_of(of("h", VCPU=8), *(gpu(f"g{number}", "h") for number in range(8)))
    found = parts(Request(resources={"VCPU": 1}, devices=(DeviceWish(resource_class="CUSTOM_GPU", count=8),)), index)
    assert found == {"h": {"VCPU": 1}, **{f"g{number}": {"CUSTOM_GPU": 1} for number in range(8)}}


@pytest.mark.parametrize("policy", [NumaPolicy.REQUIRED, NumaPolicy.LEGACY, NumaPolicy.PREFERRED, NumaPolicy.SOCKET])
def test_a_single_cell_goes_where_its_device_is(policy):
    index = index_of(*numa_host(gpu("g1", "hn1", 4)))
    wish = DeviceWish(resource_class="CUSTOM_GPU", count=2, near=policy)
    found = parts(cells(2, devices=(wish,)), index)
    assert found["hn1"]["PCPU"] == 2
    assert found["g1"] == {"CUSTOM_GPU": 2}


@pytest.mark.parametrize(
    ("policy", "fits"),
    [
        (NumaPolicy.REQUIRED, False),
        (NumaPolicy.LEGACY, False),
        (NumaPolicy.SOCKET, False),
        (NumaPolicy.PREFERRED, True),
    ],
)
def test_a_device_that_is_far_serves_only_who_does_not_insist(policy, fits):
    index = index_of(*numa_host(gpu("g1", "hn1", 4)))
    full = {(index.row_of("hn1"), "PCPU"): 8}
    wish = DeviceWish(resource_class="CUSTOM_GPU", near=policy)
    assert (parts(cells(2, devices=(wish,)), index, full) is not None) is fits


@pytest.mark.parametrize(("policy", "fits"), [(NumaPolicy.REQUIRED, False), (NumaPolicy.LEGACY, True)])
def test_a_device_of_no_known_node_serves_legacy(policy, fits):
    index = index_of(*numa_host(gpu("g", "h")))
    found = parts(cells(2, devices=(DeviceWish(resource_class="CUSTOM_GPU", near=policy),)), index)
    assert isinstance(found, dict) is fits
    assert fits or found == "too few CUSTOM_GPU near its cells (0 of 1)"


def test_a_device_of_the_same_socket_is_near_enough_for_socket():
    sockets = [node(f"n{n}", traits=(f"CUSTOM_SOCKET_{n // 2}",), PCPU=4, NUMA_MEMORY_MB=4096) for n in range(4)]
    index = index_of(of("h", MEMORY_MB=16384), *sockets, gpu("g3", "n3"))
    full = {(index.row_of("n3"), "PCPU"): 4}
    wish = DeviceWish(resource_class="CUSTOM_GPU", near=NumaPolicy.SOCKET)
    assert parts(cells(4, devices=(wish,)), index, full)["n2"]["PCPU"] == 4
    assert parts(cells(4, devices=(wish,)), index, {**full, (index.row_of("n2"), "PCPU"): 1}) is None


def test_two_kinds_of_devices_draw_one_cell_to_where_both_are():
    nodes = [node(f"n{number}", PCPU=4, NUMA_MEMORY_MB=4096) for number in range(3)]
    nic = of("nic2", "n2", root="h", CUSTOM_NIC=2)
    index = index_of(of("h", MEMORY_MB=16384), *nodes, gpu("g0", "n0", 9), gpu("g2", "n2", 1), nic)
    near = {"near": NumaPolicy.REQUIRED}
    wishes = (DeviceWish(resource_class="CUSTOM_GPU", **near), DeviceWish(resource_class="CUSTOM_NIC", **near))
    assert parts(cells(1, devices=wishes), index)["n2"]["PCPU"] == 1


def test_the_choosy_wish_gets_what_only_it_can_use():
    index = index_of(of("h", VCPU=1), gpu("plain", "h", 2), gpu("fast", "h", 2, traits=("CUSTOM_FAST",)))
    fast = DeviceWish(resource_class="CUSTOM_GPU", count=2, required_traits=("CUSTOM_FAST",))
    anyone = DeviceWish(resource_class="CUSTOM_GPU", count=2)
    found = parts(Request(devices=(anyone, fast)), index)
    assert found == {"plain": {"CUSTOM_GPU": 2}, "fast": {"CUSTOM_GPU": 2}}
    three = DeviceWish(resource_class="CUSTOM_GPU", count=3, required_traits=("CUSTOM_FAST",))
    assert parts(Request(devices=(three,)), index) == "too few CUSTOM_GPU (CUSTOM_FAST) (2 of 3)"
    slow = DeviceWish(resource_class="CUSTOM_GPU", count=2, forbidden_traits=("CUSTOM_FAST",))
    assert parts(Request(devices=(slow,)), index) == {"plain": {"CUSTOM_GPU": 2}}


def test_a_host_that_is_alone_has_traits_for_its_devices():
    index = index_of(of("h", traits=("CUSTOM_FAST",), VCPU=2, CUSTOM_GPU=2))
    wish = DeviceWish(resource_class="CUSTOM_GPU", count=2, required_traits=("CUSTOM_FAST",))
    assert parts(Request(devices=(wish,)), index) == {"h": {"CUSTOM_GPU": 2}}


# --- bundles


def test_a_bundle_comes_from_one_provider():
    index = index_of(of("h", VCPU=1), of("a", "h", CUSTOM_A=1, CUSTOM_B=2), of("b", "h", CUSTOM_A=2, CUSTOM_B=2))
    both = Bundle(name="1", resources={"CUSTOM_A": 2, "CUSTOM_B": 2})
    assert parts(Request(bundles=(both,)), index) == {"b": {"CUSTOM_A": 2, "CUSTOM_B": 2}}
    more = Bundle(name="1", resources={"CUSTOM_A": 3})
    assert parts(Request(bundles=(more,)), index) == "no one part that can give 3 CUSTOM_A"


def test_bundles_apart_are_matched_to_providers_of_their_own():
    index = index_of(
        of("h", VCPU=1),
        of("a", "h", traits=("CUSTOM_X",), CUSTOM_A=4),
        of("b", "h", CUSTOM_A=1),
        of("c", "h", CUSTOM_A=4),
    )
    bundles = (
        Bundle(name="1", resources={"CUSTOM_A": 1}),
        Bundle(name="2", resources={"CUSTOM_A": 2}),
        Bundle(name="3", resources={"CUSTOM_A": 1}, required_traits=("CUSTOM_X",)),
    )
    found = parts(Request(bundles=bundles, bundles_apart=True), index)
    assert found == {"b": {"CUSTOM_A": 1}, "c": {"CUSTOM_A": 2}, "a": {"CUSTOM_A": 1}}
    more = (*bundles, Bundle(name="4", resources={"CUSTOM_A": 1}))
    assert "no way to give the groups 1, 2, 3, 4 together" in parts(Request(bundles=more, bundles_apart=True), index)
    assert isinstance(parts(Request(bundles=more), index), dict)


def test_bundles_of_one_subtree_hang_below_one_of_them():
    index = index_of(
        of("h", VCPU=8),
        of("n0", "h", traits=("CUSTOM_N",), CUSTOM_A=2),
        of("n1", "h", traits=("CUSTOM_N",), CUSTOM_A=2),
        of("p0", "n0", root="h", CUSTOM_B=1),
        of("p1", "n1", root="h", traits=("CUSTOM_X",), CUSTOM_B=1),
    )
    bundles = (
        Bundle(name="_n", required_traits=("CUSTOM_N",)),
        Bundle(name="_a", resources={"CUSTOM_A": 1}),
        Bundle(name="_b", resources={"CUSTOM_B": 1}, required_traits=("CUSTOM_X",)),
    )
    request = Request(bundles=bundles, same_subtree=(("_n", "_a", "_b"),))
    assert parts(request, index) == {"n1": {"CUSTOM_A": 1}, "p1": {"CUSTOM_B": 1}}
    full = {(index.row_of("n1"), "CUSTOM_A"): 2}
    assert parts(request, index, full) is None


# --- whole machines


def machine(name, *, used=None, **more):
    return of(name, "h", used=used, CUSTOM_MACHINE=1, VCPU=8, MEMORY_MB=1024, **more)


def test_a_whole_machine_is_taken_with_all_its_parts_or_not_at_all():
    request = Request(machine="CUSTOM_MACHINE", resources={"VCPU": 4})
    disk = of("m1d", "m1", root="h", DISK_GB=10)
    index = index_of(of("h", DISK_GB=1), machine("m0", used={"VCPU": 1}), machine("m1"), disk)
    whole = {"m1": {"CUSTOM_MACHINE": 1, "VCPU": 8, "MEMORY_MB": 1024}, "m1d": {"DISK_GB": 10}}
    assert parts(request, index) == whole
    assert parts(request, index, {(index.row_of("m1d"), "DISK_GB"): 1}) is None
    larger = Request(machine="CUSTOM_MACHINE", resources={"VCPU": 9})
    assert parts(larger, index) == "no CUSTOM_MACHINE that is wholly free and large enough"


# --- over many hosts


def nearest(explanation, constraint):
    return next(one.nearest for one in explanation.constraints if one.constraint == constraint)


def test_the_columns_leave_out_hosts_that_have_enough_only_in_pieces(make):
    index = index_of(*numa_host(host="a", cores=4), *numa_host(host="b", cores=8))
    assert make.chosen(cells(6), index) == ["b"]
    assert make.all_that_fit(cells(6), index) == {"b"}


def test_hosts_that_fail_when_looked_at_closely_leave_it_to_the_next(make):
    """Enough cores in all, and in the largest part; but only one host has two such nodes."""
    uneven = [
        use
        for number in range(20)
        for use in (
            of(f"u{number}", MEMORY_MB=99999),
            node(f"u{number}n0", host=f"u{number}", PCPU=8, NUMA_MEMORY_MB=9999),
            node(f"u{number}n1", host=f"u{number}", PCPU=4, NUMA_MEMORY_MB=9999),
        )
    ]
    index = index_of(*uneven, *numa_host(cores=6))
    assert make.chosen(cells(6, 6), index) == ["h"]
    assert make.chosen(cells(6, 6), index, count=2).fits == 1


def test_the_refusal_says_what_was_looked_at_closely(make):
    index = index_of(*numa_host(cores=6), of("plain", VCPU=99, MEMORY_MB=99999))
    explanation = make.explain(cells(6, 6, 6), index)
    assert [one.constraint for one in explanation.constraints if one.removed] == ["NUMA nodes", "PCPU"]
    refused = make.explain(cells(4, 5, 1), index_of(*numa_host(nodes=2, cores=6)))
    assert refused.constraints[-1].constraint == "NUMA cells"
    assert refused.constraints[-1].nearest.endswith("but has fewer NUMA nodes than the 3 asked for (2)")


def test_devices_that_are_used_up_are_not_said_to_be_none(make):
    index = index_of(of("h", VCPU=1), gpu("g", "h", 2))
    index.take([Part(index.row_of("g"), "CUSTOM_GPU", 2)])
    refused = make.explain(Request(devices=(DeviceWish(resource_class="CUSTOM_GPU"),)), index)
    assert nearest(refused, "CUSTOM_GPU") == "1 host is enabled but lacks 1 CUSTOM_GPU"


def test_pages_of_several_sizes_are_looked_for_in_the_columns(make):
    index = index_of(*numa_host(**{PAGES_2M: 512}))
    refused = make.explain(cells(1, classes=(PAGES_1G, PAGES_2M), memory=4096), index)
    assert nearest(refused, "memory pages").endswith(
        f"lacks 4096 MB in pages of one size, the nearest has 1024 MB of {PAGES_2M}"
    )
    nobody = make.explain(cells(1, classes=(PAGES_1G, "CUSTOM_MEMORY_PAGES_64KB")), index)
    assert nearest(nobody, "memory pages").endswith("lacks pages of the sizes asked for")


@pytest.mark.parametrize(("policy", "host"), [(ThreadPolicy.REQUIRE, "smt"), (ThreadPolicy.ISOLATE, "plain")])
def test_the_thread_policy_chooses_hosts_by_hyper_threading(make, policy, host):
    smt = of("smt", traits=("HW_CPU_HYPERTHREADING",), PCPU=4, MEMORY_MB=4096)
    index = index_of(smt, of("plain", PCPU=4, MEMORY_MB=4096))
    assert make.all_that_fit(cells(2, thread_policy=policy), index) == {host}


def test_a_node_once_claimed_is_full_for_the_next_of_the_same_call(make):
    index = index_of(*numa_host(nodes=4, cores=8))
    assert make.chosen(cells(6, 6), index, count=2) == ["h", "h"]
    assert make.chosen(cells(6, 6), index, count=3).fits == 2


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (cells(1), ""),
        (Request(required_traits=("A",), forbidden_traits=("A",)), "required and forbidden at the same time: A"),
        (Request(thread_policy=ThreadPolicy.ISOLATE, required_traits=("HW_CPU_HYPERTHREADING",)), "at the same time"),
        (Request(bundles=(Bundle(name="1"), Bundle(name="1"))), "each name may be given once"),
        (Request(same_subtree=(("1",),)), "there is no bundle 1"),
        (cells(1, machine="CUSTOM_MACHINE"), "a whole machine is not asked for together"),
    ],
)
def test_what_makes_no_sense_is_named(request_, words):
    assert words in contradiction(request_)
    assert bool(words) == bool(contradiction(request_))
