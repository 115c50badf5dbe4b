"""Topology, NUMA cells, dedicated cores and pages: what flavor and image together ask for, and what nova refuses."""

import pytest
from kilonova_compute.model.cannot_honour import CannotHonour
from kilonova_compute.model.cells_of_flavors import cpu_set
from kilonova_compute.model.layouts import RequestedCell, RequestedLayout, RequestedTopology, page_size_of, pages_class
from kilonova_compute.model.layouts_of_flavors import layout_of


def asked(specs=None, properties=None, vcpus=4, ram=2048):
    return layout_of(vcpus, ram, specs or {}, properties or {})


def cell(cpus, memory, dedicated=()):
    return RequestedCell(cpus=tuple(cpus), memory_mb=memory, dedicated=tuple(dedicated))


ONE, TWO = (cell(range(4), 2048),), (cell((0, 1), 1024), cell((2, 3), 1024))


@pytest.mark.parametrize(
    ("specs", "properties"),
    [
        ({}, {}),
        ({"hw:cpu_policy": "shared"}, {}),
        ({"hw:mem_page_size": "small"}, {}),
        ({"hw:mem_page_size": "4KB"}, {"own": "1"}),
        ({"hw:emulator_threads_policy": "share"}, {}),
        ({"trait:HW_CPU_HYPERTHREADING": "required"}, {}),
    ],
)
def test_what_asks_for_nothing_special_leaves_all_to_the_host(specs, properties):
    assert asked(specs, properties) is None


# --- topology (nova, tests/unit/virt/test_hardware.py, VCPUTopologyTest)


@pytest.mark.parametrize(
    ("vcpus", "specs", "properties", "topology"),
    [
        (8, {"hw:cpu_sockets": "8", "hw:cpu_cores": "2", "hw:cpu_threads": "1"}, {}, (8, 1, 1)),
        (8, {"hw:cpu_sockets": "2"}, {}, (2, 4, 1)),
        (8, {"hw:cpu_cores": "4"}, {}, (2, 4, 1)),
        (8, {"hw:cpu_threads": "2"}, {}, (4, 1, 2)),
        (8, {"hw:cpu_max_sockets": "2"}, {}, (2, 4, 1)),
        (8, {"hw:cpu_max_sockets": "1", "hw:cpu_max_cores": "2"}, {}, (1, 2, 4)),
        (8, {}, {"hw_cpu_sockets": "2", "hw_cpu_cores": "2", "hw_cpu_threads": "2"}, (2, 2, 2)),
        (8, {"hw:cpu_sockets": "8"}, {"hw_cpu_cores": "4"}, (2, 4, 1)),
        (8, {"hw:cpu_sockets": "8"}, {"hw_cpu_max_sockets": "4"}, (4, 2, 1)),
        (7, {"hw:cpu_sockets": "2"}, {}, (7, 1, 1)),
        (1, {"hw:cpu_cores": "4"}, {}, (1, 1, 1)),
    ],
)
def test_the_topology_is_the_one_that_agrees_most_within_the_limits(vcpus, specs, properties, topology):
    sockets, cores, threads = topology
    expected = RequestedTopology(sockets=sockets, cores=cores, threads=threads)
    assert asked(specs, properties, vcpus=vcpus) == RequestedLayout(topology=expected)


# --- cells


@pytest.mark.parametrize(
    ("specs", "properties", "layout"),
    [
        ({"hw:numa_nodes": "1"}, {}, RequestedLayout(cells=ONE)),
        ({"hw:numa_nodes": "2"}, {}, RequestedLayout(cells=TWO)),
        ({}, {"hw_numa_nodes": "2"}, RequestedLayout(cells=TWO)),
        (
            {
                "hw:numa_nodes": "2",
                "hw:numa_cpus.0": "0-2",
                "hw:numa_cpus.1": "3",
                "hw:numa_mem.0": "1536",
                "hw:numa_mem.1": "512",
            },
            {},
            RequestedLayout(cells=(cell((0, 1, 2), 1536), cell((3,), 512))),
        ),
        (
            {"hw:numa_nodes": "2"},
            {"hw_numa_cpus.0": "3", "hw_numa_cpus.1": "0-2", "hw_numa_mem.0": "48", "hw_numa_mem.1": "2000"},
            RequestedLayout(cells=(cell((3,), 48), cell((0, 1, 2), 2000))),
        ),
        ({"hw:cpu_policy": "dedicated"}, {}, RequestedLayout(cells=(cell(range(4), 2048, range(4)),))),
        ({}, {"hw_cpu_policy": "dedicated"}, RequestedLayout(cells=(cell(range(4), 2048, range(4)),))),
        ({"resources:PCPU": "4"}, {}, RequestedLayout(cells=(cell(range(4), 2048, range(4)),))),
        (
            {"hw:cpu_policy": "dedicated", "hw:numa_nodes": "2", "hw:cpu_thread_policy": "require"},
            {},
            RequestedLayout(cells=(cell((0, 1), 1024, (0, 1)), cell((2, 3), 1024, (2, 3))), thread_policy="require"),
        ),
        (
            {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "1-2", "hw:numa_nodes": "2"},
            {},
            RequestedLayout(cells=(cell((0, 1), 1024, (1,)), cell((2, 3), 1024, (2,)))),
        ),
        (
            {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0"},
            {},
            RequestedLayout(cells=(cell(range(4), 2048, (1, 2, 3)),)),
        ),
        (
            {"hw:cpu_policy": "dedicated", "trait:HW_CPU_HYPERTHREADING": "forbidden"},
            {},
            RequestedLayout(cells=(cell(range(4), 2048, range(4)),), thread_policy="isolate"),
        ),
        (
            {"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "prefer"},
            {"hw_cpu_thread_policy": "isolate"},
            RequestedLayout(cells=(cell(range(4), 2048, range(4)),), thread_policy="isolate"),
        ),
        (
            {"hw:cpu_policy": "dedicated", "hw:emulator_threads_policy": "isolate"},
            {},
            RequestedLayout(cells=(cell(range(4), 2048, range(4)),), emulator_threads="isolate"),
        ),
        (
            {"resources:PCPU": "5", "hw:emulator_threads_policy": "isolate"},
            {},
            RequestedLayout(cells=(cell(range(4), 2048, range(4)),), emulator_threads="isolate"),
        ),
    ],
)
def test_cells_hold_every_vcpu_and_all_the_memory(specs, properties, layout):
    assert asked(specs, properties) == layout


def test_the_emulators_own_core_is_claimed_with_the_first_cells():
    layout = asked({"hw:cpu_policy": "dedicated", "hw:numa_nodes": "2", "hw:emulator_threads_policy": "isolate"})
    assert [layout.dedicated_of(number) for number in range(2)] == [3, 2]
    assert layout.dedicated == (0, 1, 2, 3)


# --- pages


@pytest.mark.parametrize(
    ("flavor", "image", "size", "classes"),
    [
        ("large", None, "large", ("CUSTOM_MEMORY_PAGES_1048576KB", "CUSTOM_MEMORY_PAGES_2048KB")),
        ("any", None, "any", ("CUSTOM_MEMORY_PAGES_1048576KB", "CUSTOM_MEMORY_PAGES_2048KB", "MEMORY_MB")),
        ("2048", None, "2048", ("CUSTOM_MEMORY_PAGES_2048KB",)),
        ("2MB", None, "2048", ("CUSTOM_MEMORY_PAGES_2048KB",)),
        ("1GiB", None, "1048576", ("CUSTOM_MEMORY_PAGES_1048576KB",)),
        ("any", "2MB", "2048", ("CUSTOM_MEMORY_PAGES_2048KB",)),
        ("large", "1048576", "1048576", ("CUSTOM_MEMORY_PAGES_1048576KB",)),
    ],
)
def test_huge_pages_are_asked_for_by_their_class(flavor, image, size, classes):
    layout = asked({"hw:mem_page_size": flavor}, {"hw_mem_page_size": image} if image else {})
    assert layout == RequestedLayout(cells=ONE, page_size=size)
    assert layout.memory_classes == classes


def test_classes_of_pages_say_their_size():
    assert page_size_of(pages_class(2048)) == 2048
    assert page_size_of("MEMORY_MB") == page_size_of("CUSTOM_MEMORY_PAGES_XKB") == 0


# --- what cannot be


_BY_HAND = {"hw:numa_cpus.0": "0-1", "hw:numa_cpus.1": "2-3", "hw:numa_mem.0": "1024", "hw:numa_mem.1": "1024"}


@pytest.mark.parametrize(
    ("specs", "properties", "words"),
    [
        ({"hw:cpu_max_sockets": "2"}, {"hw_cpu_max_sockets": "4"}, "Image vCPU topology limits (sockets=4"),
        ({"hw:cpu_max_cores": "1"}, {"hw_cpu_cores": "2"}, "exceeds the limits of the flavor or image (sockets=65536"),
        (
            {"hw:cpu_max_sockets": "1", "hw:cpu_max_cores": "1", "hw:cpu_max_threads": "2"},
            {},
            "Requested vCPU limits 1:1:2 are impossible to satisfy for vcpus count 4",
        ),
        ({"hw:cpu_sockets": "none"}, {}, "hw:cpu_sockets=none cannot be honoured"),
        ({}, {"hw_cpu_sockets": "0"}, "hw_cpu_sockets=0 cannot be honoured"),
        ({"hw:cpu_policy": "own"}, {}, "cpu_policy=own cannot be honoured: it may be dedicated, shared, mixed"),
        ({"hw:cpu_policy": "shared"}, {"hw_cpu_policy": "dedicated"}, "'hw_cpu_policy' is not permitted to override"),
        ({"hw:cpu_policy": "mixed"}, {"hw_cpu_policy": "dedicated"}, "'hw_cpu_policy' is not permitted to override"),
        ({"hw:cpu_policy": "mixed"}, {}, "says which vCPUs are dedicated"),
        ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-3"}, {}, "at least 1 pinned vCPU and 1 unpinned"),
        ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "4"}, {}, "not a subset of vCPUs"),
        ({"hw:cpu_policy": "dedicated", "hw:cpu_dedicated_mask": "0"}, {}, "without the 'mixed' policy"),
        ({"hw:cpu_thread_policy": "require"}, {}, "non dedicated cpu pinning policy"),
        (
            {"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "require"},
            {"hw_cpu_thread_policy": "isolate"},
            "'hw_cpu_thread_policy' is not permitted to override",
        ),
        (
            {
                "hw:cpu_policy": "dedicated",
                "hw:cpu_thread_policy": "require",
                "trait:HW_CPU_HYPERTHREADING": "required",
            },
            {},
            "use one or the other",
        ),
        ({"hw:emulator_threads_policy": "isolate"}, {}, "requires a dedicated CPU policy"),
        ({"hw:emulator_threads_policy": "both"}, {}, "it may be share, isolate"),
        ({"hw:cpu_policy": "dedicated", "resources:PCPU": "4"}, {}, "in combination with the 'hw:cpu_policy'"),
        ({"resources:VCPU": "2", "resources:PCPU": "4"}, {}, "both 'resources:VCPU' and 'resources:PCPU'"),
        ({"resources:PCPU": "2"}, {}, "2 PCPUs are requested by 'resources:PCPU', and this flavor needs exactly 4"),
        ({"hw:numa_nodes": "2"}, {"hw_numa_nodes": "2"}, "'hw_numa_nodes' is not permitted to override NUMA"),
        ({"hw:numa_nodes": "0"}, {}, "The property 'numa_nodes' cannot be '0'"),
        ({"hw:numa_nodes": "3"}, {}, "cannot be evenly distributed"),
        ({"hw:numa_nodes": "2", "hw:numa_cpus.0": "0-3"}, {}, "must be provided for all NUMA nodes"),
        ({"hw:numa_nodes": "3", **_BY_HAND}, {}, "must be provided for all NUMA nodes"),
        ({"hw:numa_nodes": "2", **_BY_HAND, "hw:numa_cpus.3": "1"}, {}, "must be provided for all NUMA nodes"),
        ({"hw:numa_nodes": "2", **_BY_HAND}, {"hw_numa_mem.0": "1"}, "'hw_numa_mem' is not permitted to override"),
        ({"hw:numa_nodes": "2", **_BY_HAND, "hw:numa_cpus.1": "2-4"}, {}, "CPU number 4 is larger than max 3"),
        ({"hw:numa_nodes": "2", **_BY_HAND, "hw:numa_cpus.1": "1-3"}, {}, "CPU number 1 is assigned to two nodes"),
        ({"hw:numa_nodes": "2", **_BY_HAND, "hw:numa_cpus.1": "3"}, {}, "CPU number {2} is not assigned to any node"),
        ({"hw:numa_nodes": "2", **_BY_HAND, "hw:numa_cpus.1": "3-x"}, {}, "Invalid range expression '3-x'"),
        ({"hw:numa_nodes": "2", **_BY_HAND, "hw:numa_mem.1": "1"}, {}, "1025 MB of memory assigned, but expected 2048"),
        ({"hw:numa_nodes": "2", **_BY_HAND, "hw:numa_mem.1": "x"}, {}, "it is a whole number of MB"),
        ({}, {"hw_mem_page_size": "large"}, "Page size large forbidden against '<empty>'"),
        ({"hw:mem_page_size": "2048"}, {"hw_mem_page_size": "large"}, "Page size large forbidden against '2048'"),
        ({"hw:mem_page_size": "huge"}, {}, "Invalid memory page size 'huge'"),
        ({"hw:mem_page_size": "0"}, {}, "Invalid memory page size '0'"),
        ({"hw:mem_page_size": "4GB"}, {}, "2048 MB of memory cannot be made of whole pages of 4194304 KiB"),
    ],
)
def test_what_contradicts_itself_is_refused_in_novas_words(specs, properties, words):
    with pytest.raises(CannotHonour) as caught:
        asked(specs, properties)
    assert words in str(caught.value)


def test_an_absurd_number_of_vcpus_is_not_counted_out():
    assert asked(vcpus=2**31 - 1) is None
    with pytest.raises(CannotHonour, match="hw_cpu_policy cannot be honoured for 2147483647 vCPUs"):
        asked(properties={"hw_cpu_policy": "dedicated"}, vcpus=2**31 - 1)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0-2,^1", {0, 2}), ("1,,3", {1, 3}), (" 4 - 5 ", {4, 5}), ("^1-2,0-3", {0, 3}), ("", set())],
)
def test_sets_of_cpus_are_read_as_nova_reads_them(text, cpus):
    assert cpu_set(text) == cpus
