"""Servers that ask for cores of their own, nodes, pages and devices: what was asked, claimed and given is one.

The host is simulated and its machine is a file, but the operator's ``host.toml``, the agent that chooses processors and
devices, placement and the compute API are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cloud.simulated import SimulatedCloud
from kilonova.cloud.agents import host_names
from kilonova.cloud.folder import CloudState
from kilonova_driver.types.guests import GuestSpec
from kilonova_driver_fake.journal import newest_file, read_entries
from kilonova_driver_fake.records import Record

HOST = host_names(CloudState(hosts=1))[0]
#: Eight processors and 8 GiB at each of two nodes, 2 GiB of it in huge pages; three devices, all at the second node.
MACHINE = {
    "version": 2,
    "pools": [
        {"resource_class": "VCPU", "total": 16},
        {"resource_class": "MEMORY_MB", "total": 16384},
        {"resource_class": "DISK_GB", "total": 100},
    ],
    "nodes": [
        {
            "number": number,
            "cores": [[8 * number + core] for core in range(8)],
            "memory_mib": 8192,
            "huge_pages": [{"size_kib": 2048, "total": 1024}],
        }
        for number in range(2)
    ],
    "pci_devices": [
        {
            "address": f"0000:81:00.{number}",
            "vendor_id": "10de",
            "product_id": "1db6",
            "numa_node": 1,
            "group": str(number),
        }
        for number in range(3)
    ],
}
HOST_TOML = """
cpu_dedicated_set = "2-7,10-15"
[[pci_devices]]
vendor_id = "10de"
product_id = "1db6"
[[providers]]
inventories = { CUSTOM_WHOLE_HOST = { total = 1 } }
"""
CLOUD_TOML = """
[device_aliases.v100]
vendor_id = "10de"
product_id = "1db6"
numa_policy = "required"
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedCloud]:
    """A cloud of one host with two nodes."""
    root: Path = tmp_path_factory.mktemp("machine")
    file = root / "machine.json"
    file.write_bytes(msgspec.json.encode(MACHINE))
    cloud = SimulatedCloud(root, hosts=1, cells=1, driver_options={"inventory_file": str(file)})
    cloud.prepare()
    (cloud.folder.host(HOST) / "host.toml").write_text(HOST_TOML)
    (cloud.folder.root / "kilonova.toml").write_text(CLOUD_TOML)
    try:
        cloud.up()
        yield cloud
    finally:
        cloud.end()


@pytest.fixture
def make(machine: SimulatedCloud) -> Iterator[Callable[..., str]]:
    """Make a server of extra specs, as its owner; all are gone after the test."""
    made: list[str] = []

    def server(vcpus: int = 2, ram: int = 512, **extra_specs: str) -> str:
        wanted = {
            "name": f"laid-out-{len(made)}-{hash(tuple(extra_specs)) & 0xFFFF}",
            "vcpus": vcpus,
            "ram": ram,
            "disk": 1,
        }
        flavor = machine.admin.ask("POST", "/compute/v2.1/flavors", json={"flavor": wanted})["flavor"]["id"]
        path = f"/compute/v2.1/flavors/{flavor}/os-extra_specs"
        machine.admin.ask("POST", path, json={"extra_specs": extra_specs})
        made.append(machine.demo.create_active("laid-out", flavor=flavor).id)
        machine.admin.ask("DELETE", f"/compute/v2.1/flavors/{flavor}")
        return made[-1]

    yield server
    machine.demo.delete_and_wait(*made)


def claimed(cloud: SimulatedCloud, server_id: str) -> dict[str, dict[str, int]]:
    """What a server's claim holds, by the names of providers."""
    names = {
        one["uuid"]: one["name"]
        for one in cloud.admin.get("/placement/resource_providers")["resource_providers"]
    }  # fmt: skip
    (claim,) = cloud.claims_of(server_id)
    return {names[part["provider_id"]]: part["amounts"] for part in claim["providers"]}


def spec_of(cloud: SimulatedCloud, server_id: str) -> GuestSpec:
    """What the driver was told, from its own journal."""
    entries = read_entries(newest_file(cloud.host(HOST).data / "driver"))
    return [one for one in entries if isinstance(one, Record) and one.guest_id == server_id][-1].spec


def pins(spec: GuestSpec) -> dict[int, set[int]]:
    return {pin.cpu: set(pin.host_cpus) for pin in spec.layout.pins}


def test_two_cells_have_cores_of_their_own_on_two_nodes(machine: SimulatedCloud, make: Callable[..., str]) -> None:
    server = make(vcpus=8, ram=2048, **{"hw:cpu_policy": "dedicated", "hw:numa_nodes": "2", "hw:cpu_sockets": "2"})
    found = claimed(machine, server)
    assert found[f"{HOST}_NUMA0"] == found[f"{HOST}_NUMA1"] == {"PCPU": 4, "NUMA_MEMORY_MB": 1024}
    assert found[HOST] == {"MEMORY_MB": 2048, "DISK_GB": 1}
    spec = spec_of(machine, server)
    assert sorted((cell.host_node, cell.memory_mib) for cell in spec.layout.cells) == [(0, 1024), (1, 1024)]
    for cell in spec.layout.cells:
        near = set(range(2, 8)) if cell.host_node == 0 else set(range(10, 16))
        assert set().union(*(pins(spec)[cpu] for cpu in cell.cpus)) <= near
    assert sorted(cpu for host_cpus in pins(spec).values() for cpu in host_cpus) == sorted(
        {cpu for host_cpus in pins(spec).values() for cpu in host_cpus}
    )
    assert spec.layout.topology is not None
    assert (spec.layout.topology.sockets, spec.layout.topology.cores) == (2, 4)


def test_servers_share_no_dedicated_core_and_the_next_explains_why_it_fits_no_more(
    machine: SimulatedCloud, make: Callable[..., str]
) -> None:
    servers = [make(vcpus=5, **{"hw:cpu_policy": "dedicated"}) for _ in range(2)]
    cores = [set().union(*pins(spec_of(machine, server)).values()) for server in servers]
    assert [len(one) for one in cores] == [5, 5]
    assert cores[0].isdisjoint(cores[1])
    question = {"flavor": "vcpus=2,ram=512,disk=1,pcpus=2"}
    answer = machine.demo.ask("POST", "/compute/native/v1/explain", json=question)
    assert answer["explanation"]["fits"] == 0
    nearest = [one["nearest"] for one in answer["explanation"]["constraints"] if one["removed"]]
    assert nearest == ["1 host is enabled but has at most 1 PCPU in one part, and not 2"]


def test_devices_come_from_the_node_where_the_cores_are(machine: SimulatedCloud, make: Callable[..., str]) -> None:
    server = make(**{"hw:cpu_policy": "dedicated", "pci_passthrough:alias": "v100:2"})
    found = claimed(machine, server)
    assert found[f"{HOST}_NUMA1"]["PCPU"] == 2
    assert found[f"{HOST}_NUMA1_PCI_10DE_1DB6"] == {"CUSTOM_PCI_10DE_1DB6": 2}
    spec = spec_of(machine, server)
    assert [device.address for device in spec.devices] == ["0000:81:00.0", "0000:81:00.1"]
    other = machine.demo.create_active("one-more", flavor="vcpus=1,ram=64,disk=1,device:v100=1")
    assert [device.address for device in spec_of(machine, other.id).devices] == ["0000:81:00.2"]
    refused = machine.demo.wait_for(
        machine.demo.create("none-left", flavor="vcpus=1,ram=64,device:v100=1,disk=1"), "ERROR"
    )
    assert "lacks 1 CUSTOM_PCI_10DE_1DB6" in refused.reason
    machine.demo.delete_and_wait(other, refused)


def test_huge_pages_are_claimed_instead_of_memory(machine: SimulatedCloud, make: Callable[..., str]) -> None:
    server = make(ram=1024, **{"hw:mem_page_size": "large"})
    found = claimed(machine, server)
    (node,) = [name for name, amounts in found.items() if "CUSTOM_MEMORY_PAGES_2048KB" in amounts]
    assert found[node] == {"CUSTOM_MEMORY_PAGES_2048KB": 1024}
    assert "MEMORY_MB" not in found[HOST]
    (cell,) = spec_of(machine, server).layout.cells
    assert (cell.page_size_kib, f"{HOST}_NUMA{cell.host_node}") == (2048, node)


def test_the_request_reads_back_as_it_was_asked(machine: SimulatedCloud) -> None:
    server = machine.demo.create_active("asked", flavor="vcpus=3,ram=300,disk=1,pcpus=1,numa=1,pages=any")
    shown: dict[str, Any] = machine.demo.get(f"/compute/native/v1/servers/{server.id}/request")["request"]
    assert shown["layout"] == {
        "cells": [{"cpus": [0, 1, 2], "memory_mb": 300, "dedicated": [0]}],
        "page_size": "any",
    }
    assert shown["resources"] == {"DISK_GB": 1}
    machine.demo.act(server, "reboot", {"type": "HARD"})
    machine.demo.wait_for(server, "ACTIVE")
    before = pins(spec_of(machine, server.id))
    assert len(before[0]) == 1
    machine.demo.delete_and_wait(server)


def test_a_whole_machine_is_nobody_elses(machine: SimulatedCloud) -> None:
    whole = "vcpus=2,ram=1024,disk=1,machine=CUSTOM_WHOLE_HOST"
    server = machine.demo.create_active("whole", flavor=whole)
    found = claimed(machine, server.id)
    assert found[HOST]["CUSTOM_WHOLE_HOST"] == 1
    assert found[f"{HOST}_NUMA0"]["PCPU"] == 6
    assert found[f"{HOST}_NUMA1_PCI_10DE_1DB6"] == {"CUSTOM_PCI_10DE_1DB6": 3}
    assert len(spec_of(machine, server.id).devices) == 3
    other = machine.demo.wait_for(machine.demo.create("other", flavor="vcpus=1,ram=64,disk=1"), "ERROR")
    machine.demo.delete_and_wait(server, other)
    small = machine.demo.create_active("small", flavor="vcpus=1,ram=64,disk=1")
    refused = machine.demo.wait_for(machine.demo.create("whole", flavor=whole), "ERROR")
    assert "has no CUSTOM_WHOLE_HOST that is wholly free and large enough" in refused.reason
    machine.demo.delete_and_wait(small, refused)
