"""Devices by alias and class, and granular groups."""

import pytest
from kilonova_compute.model.cannot_honour import CannotHonour
from kilonova_compute.model.requested_devices import (
    DeviceAlias,
    RequestedBundle,
    RequestedDevices,
    asks_for_things,
    bundles_of,
    devices_of,
)

ALIASES = {
    "v100": DeviceAlias(vendor_id="10de", product_id="1db6", numa_policy="required", traits=("CUSTOM_NVLINK",)),
    "disk": DeviceAlias(resource_class="CUSTOM_NVME"),
}


def v100(count, near="required"):
    return RequestedDevices(
        resource_class="CUSTOM_PCI_10DE_1DB6",
        count=count,
        required_traits=("CUSTOM_NVLINK",),
        near=near,
        alias="v100",
    )


@pytest.mark.parametrize(
    ("specs", "properties", "devices"),
    [
        ({}, {}, ()),
        ({"pci_passthrough:alias": "v100:2"}, {}, (v100(2),)),
        (
            {"pci_passthrough:alias": "disk:1, v100:2"},
            {},
            (RequestedDevices(resource_class="CUSTOM_NVME", count=1, alias="disk"), v100(2)),
        ),
        ({"pci_passthrough:alias": "v100:1", "hw:pci_numa_affinity_policy": "socket"}, {}, (v100(1, "socket"),)),
        ({"pci_passthrough:alias": "v100:1"}, {"hw_pci_numa_affinity_policy": "legacy"}, (v100(1, "legacy"),)),
        ({"device:CUSTOM_GPU": "3"}, {}, (RequestedDevices(resource_class="CUSTOM_GPU", count=3),)),
        ({"device:v100": "1"}, {}, (v100(1),)),
        ({"device:CUSTOM_GPU": "0"}, {}, ()),
    ],
)
def test_devices_are_asked_for_by_alias_and_by_class(specs, properties, devices):
    assert devices_of(specs, properties, ALIASES) == devices
    assert asks_for_things(specs) or not devices


@pytest.mark.parametrize(
    ("specs", "properties", "words"),
    [
        ({"pci_passthrough:alias": "none:1"}, {}, "PCI alias none is not defined"),
        ({"pci_passthrough:alias": "v100"}, {}, "write alias:count"),
        ({"device:gpu": "1"}, {}, "gpu is no alias and no CUSTOM_… class"),
        ({"device:CUSTOM_GPU": "one"}, {}, "no whole number"),
        (
            {"hw:pci_numa_affinity_policy": "legacy"},
            {"hw_pci_numa_affinity_policy": "required"},
            "'hw_pci_numa_affinity_policy' is not permitted to override",
        ),
        ({"hw:pci_numa_affinity_policy": "near"}, {}, "Invalid PCI NUMA affinity configured: near"),
    ],
)
def test_devices_that_cannot_be_had_are_named(specs, properties, words):
    with pytest.raises(CannotHonour) as caught:
        devices_of(specs, properties, ALIASES)
    assert words in str(caught.value)


def test_granular_groups_become_bundles():
    specs = {
        "resources:CUSTOM_Z": "1",
        "resources1:CUSTOM_A": "2",
        "resources1:VCPU": "1",
        "trait1:CUSTOM_X": "required",
        "trait1:CUSTOM_Y": "Forbidden",
        "resources_net:CUSTOM_B": "1",
        "group_policy": "isolate",
    }
    assert bundles_of(specs) == (
        (
            RequestedBundle(
                name="1",
                resources={"CUSTOM_A": 2, "VCPU": 1},
                required_traits=("CUSTOM_X",),
                forbidden_traits=("CUSTOM_Y",),
            ),
            RequestedBundle(name="_net", resources={"CUSTOM_B": 1}),
        ),
        True,
    )
    assert bundles_of({"resources1:CUSTOM_A": "1"}) == ((RequestedBundle(name="1", resources={"CUSTOM_A": 1}),), False)


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ({"resources1:CUSTOM_A": "1", "resources2:CUSTOM_A": "1"}, "say group_policy=isolate"),
        ({"resources1:CUSTOM_A": "1", "group_policy": "both"}, "group_policy=both cannot be honoured"),
        ({"trait1:CUSTOM_X": "required"}, "no resources1:CLASS is asked for"),
        ({"resources1:CUSTOM_A": "1", "trait1:CUSTOM_X": "perhaps"}, "'required' or 'forbidden'"),
        ({"resources1:CUSTOM_A": "0"}, "no whole number above 0"),
        ({"resources1:VGPU": "1"}, "guests get DISK_GB, MEMORY_MB, VCPU, CUSTOM_… in groups"),
    ],
)
def test_groups_that_cannot_be_had_are_named(specs, words):
    with pytest.raises(CannotHonour) as caught:
        bundles_of(specs)
    assert words in str(caught.value)
