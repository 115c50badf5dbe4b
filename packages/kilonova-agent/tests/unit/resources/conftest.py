"""A machine of two nodes, each with two cores of two threads, huge pages and a device."""

import msgspec
import pytest
from kilonova_agent.resources.host_file import HostFile
from kilonova_agent.resources.trees import Facts, make_tree
from kilonova_driver.types.guests import Feature
from kilonova_driver.types.inventory import HugePages, Inventory, NumaNode, PciDevice, Pool

HOST_ID = "6a1ff2a4-8b5d-4b5e-9e2f-0d3b8a8d3c11"
FEATURES = frozenset(feature.value for feature in Feature)


def gpu(address, node, **changes):
    return PciDevice(address=address, vendor_id="10de", product_id="1db6", numa_node=node, **changes)


@pytest.fixture
def machine():
    nodes = tuple(
        NumaNode(
            number=number,
            socket=number,
            cores=tuple((core, core + 4) for core in (number * 2, number * 2 + 1)),
            memory_mib=4096,
            huge_pages=(HugePages(size_kib=2048, total=512),) if number else (),
        )
        for number in (0, 1)
    )
    return Inventory(
        pools=(
            Pool(resource_class="VCPU", total=8, max_unit=8, allocation_ratio=4.0),
            Pool(resource_class="MEMORY_MB", total=8192, reserved=512),
            Pool(resource_class="DISK_GB", total=100),
        ),
        nodes=nodes,
        pci_devices=(gpu("0000:3b:00.0", 1), gpu("0000:3c:00.0", 1), gpu("0000:04:00.0", -1)),
        traits=("COMPUTE_NODE",),
    )


@pytest.fixture
def tree_of(machine):
    def make(inventory=machine, features=FEATURES, disk=None, **said):
        facts = Facts(inventory=inventory, features=features, disk_reserved_gb=disk)
        return make_tree(facts, msgspec.convert(said, HostFile), HOST_ID)

    return make
