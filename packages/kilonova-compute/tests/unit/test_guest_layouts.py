"""From a claim's parts to what a host is told of cells and devices."""

from kilonova_compute.actions.guest_layouts import wished_devices, wished_layout
from kilonova_compute.model.layouts_of_flavors import layout_of
from kilonova_compute.model.requests import ClaimedPart
from kilonova_driver.types.guests import CpuTopology
from kilonova_messages.wishes import WishedCell, WishedDevices, WishedLayout


def part(provider, **amounts):
    return ClaimedPart(provider_id=provider, amounts=amounts)


def test_an_ordinary_guest_is_told_nothing():
    assert wished_layout(layout_of(2, 64, {}, {}), ()) == WishedLayout()


def test_a_topology_needs_no_claim():
    layout = layout_of(4, 64, {"hw:cpu_sockets": "2"}, {})
    assert wished_layout(layout, ()) == WishedLayout(topology=CpuTopology(sockets=2, cores=2, threads=1))


def test_each_cell_is_where_what_it_asked_was_claimed():
    specs = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": "2", "hw:emulator_threads_policy": "isolate"}
    parts = (
        part("host", MEMORY_MB=2048, DISK_GB=1),
        part("node0", PCPU=2, NUMA_MEMORY_MB=1024),
        part("node1", PCPU=3, NUMA_MEMORY_MB=1024, CUSTOM_OTHER=1),
    )
    found = wished_layout(layout_of(4, 2048, specs, {}), parts)
    assert found == WishedLayout(
        cells=(
            WishedCell(cpus=(0, 1), memory_mib=1024, provider_id="node1"),
            WishedCell(cpus=(2, 3), memory_mib=1024, provider_id="node0"),
        ),
        dedicated_cpus=(0, 1, 2, 3),
        emulator_threads="isolate",
    )


def test_pages_are_of_the_size_that_was_claimed():
    layout = layout_of(2, 2048, {"hw:mem_page_size": "large"}, {})
    parts = (part("host", VCPU=2), part("node1", CUSTOM_MEMORY_PAGES_2048KB=2048))
    (cell,) = wished_layout(layout, parts).cells
    assert (cell.page_size_kib, cell.provider_id) == (2048, "node1")
    assert wished_devices(parts) == ()


def test_a_host_without_nodes_is_the_place_itself():
    layout = layout_of(2, 64, {"hw:cpu_policy": "dedicated"}, {})
    (cell,) = wished_layout(layout, (part("host", PCPU=2, MEMORY_MB=64),)).cells
    assert cell.provider_id == "host"
    shared = layout_of(2, 64, {"hw:numa_nodes": "1"}, {})
    (cell,) = wished_layout(shared, (part("host", VCPU=2, MEMORY_MB=64), part("gpu", CUSTOM_GPU=1))).cells
    assert cell.provider_id == "host"


def test_a_node_that_gives_a_bundle_too_is_still_the_cells():
    layout = layout_of(2, 64, {"hw:cpu_policy": "dedicated"}, {})
    (cell,) = wished_layout(layout, (part("node0", PCPU=3, NUMA_MEMORY_MB=64),)).cells
    assert cell.provider_id == "node0"


def test_what_is_neither_cores_nor_memory_nor_disk_may_be_devices():
    parts = (part("host", VCPU=1, MEMORY_MB=1, DISK_GB=1, CUSTOM_LICENSE=1), part("gpu", CUSTOM_PCI_10DE_1DB6=2))
    assert wished_devices(parts) == (
        WishedDevices(resource_class="CUSTOM_LICENSE", count=1, provider_id="host"),
        WishedDevices(resource_class="CUSTOM_PCI_10DE_1DB6", count=2, provider_id="gpu"),
    )
