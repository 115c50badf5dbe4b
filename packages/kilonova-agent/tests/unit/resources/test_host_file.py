"""The operator's file: its own example reads, and every mistake is told with its field."""

import re

import pytest
from kilonova_agent.errors import AgentError
from kilonova_agent.resources import host_file
from kilonova_agent.resources.host_file import HostFile, class_name, read_host_file, trait_name


def test_without_a_file_the_drivers_word_stands(tmp_path):
    assert read_host_file(tmp_path) == HostFile()


def test_the_example_in_the_description_reads(tmp_path):
    example = host_file.__doc__.partition("\n\n")[2].rpartition("\n\n")[0]
    (tmp_path / "host.toml").write_text(re.sub("^    ", "", example, flags=re.M))
    said = read_host_file(tmp_path)
    assert (said.dedicated, said.shared) == ({2, 3, 4, 5, 6, 7}, {0, 1})
    assert said.pci_devices[0].traits == ("nvlink",)
    assert said.providers[0].inventories["CUSTOM_LICENSE"].total == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("numa = 'yes'", "`numa`"),
        ("nuna = 'on'", "unknown field `nuna`"),
        ("cpu_dedicated_set = '2-'", "`cpu_dedicated_set`"),
        ("cpu_dedicated_set = '2-5'\ncpu_shared_set = '0-2'", "both have processor 2"),
        ("[allocation_ratios]\nVCPU = 0", "`allocation_ratios`: VCPU is above 0"),
        ("[allocation_ratios]\nPCPU = 2.0", "one guest's only"),
        ("[reserved]\nMEMORY_MB = -1", "`reserved`: MEMORY_MB"),
        ("[[pci_devices]]\nresource_class = 'GPU'", r"none is given.*pci_devices\[0\]"),
        ("[[pci_devices]]\nvendor_id = '10d'", "`vendor_id` is four"),
        ("[[pci_devices]]\naddress = 'slot 3'", "`address` is like"),
        ("[[pci_devices]]\nvendor = '10de'", r"unknown field `vendor`.*pci_devices\[0\]"),
        ("[[providers]]\nparent = 'NUMA0'", "`parent` is of a part"),
        ("[[providers]]\n[providers.inventories]\nLICENSE = {total = 1}", "'LICENSE' is no resource class"),
        ("[[providers]]\n[providers.inventories]\nCUSTOM_L = {total = 0}", "providers"),
        ("[[reserved_huge_pages]]\nnode = 0", "size_kib"),
        ("numa = ", "is not TOML"),
    ],
)
def test_a_mistake_is_told_with_file_and_field(tmp_path, text, words):
    (tmp_path / "host.toml").write_text(text)
    with pytest.raises(AgentError, match=words) as told:
        read_host_file(tmp_path)
    assert "host.toml" in str(told.value)


def test_names_may_be_written_as_people_write_them():
    assert class_name("gpu-v100") == "CUSTOM_GPU_V100"
    assert class_name("pgpu") == "PGPU"
    assert trait_name("nvlink") == "CUSTOM_NVLINK"
    assert trait_name("HW_GPU_API_VULKAN") == "HW_GPU_API_VULKAN"
