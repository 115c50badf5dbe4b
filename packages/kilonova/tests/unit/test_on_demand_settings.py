"""The bounds of flavors on demand, and the names of devices, as an operator writes them."""

from pathlib import Path

import pytest
from kilonova.cloud.errors import CloudError
from kilonova.cloud.settings import operator_settings
from kilonova_compute.model.flavors_on_demand import OnDemand
from kilonova_compute.model.requested_devices import DeviceAlias


def test_bounds_are_written_per_project_and_for_all_others(tmp_path: Path) -> None:
    text = '[flavors_on_demand."*"]\nmax_vcpus = 8\n[flavors_on_demand.f00]\nallowed = false\n'
    (tmp_path / "kilonova.toml").write_text(text)
    found = operator_settings(tmp_path, {}).flavors_on_demand
    assert found == {"*": OnDemand(max_vcpus=8), "f00": OnDemand(allowed=False)}


def test_a_bound_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kilonova.toml").write_text('[flavors_on_demand."*"]\nmax_cpus = 8\n')
    with pytest.raises(CloudError, match="max_cpus"):
        operator_settings(tmp_path, {})


def test_devices_have_names_by_vendor_and_product_or_by_class(tmp_path: Path) -> None:
    text = '[device_aliases.v100]\nvendor_id = "10de"\nproduct_id = "1db6"\nnuma_policy = "required"\n'
    (tmp_path / "kilonova.toml").write_text(text + '[device_aliases.disk]\nresource_class = "CUSTOM_NVME"\n')
    found = operator_settings(tmp_path, {}).device_aliases
    assert found["v100"] == DeviceAlias(vendor_id="10de", product_id="1db6", numa_policy="required")
    assert {name: alias.of_class for name, alias in found.items()} == {
        "v100": "CUSTOM_PCI_10DE_1DB6",
        "disk": "CUSTOM_NVME",
    }


@pytest.mark.parametrize("wrong", ['vendor_id = "10de"', 'resource_class = "VGPU"', 'vendor_id = "10DEX"', "size = 1"])
def test_a_device_that_cannot_be_told_is_refused(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "kilonova.toml").write_text(f"[device_aliases.v100]\n{wrong}\n")
    with pytest.raises(CloudError, match="device_aliases"):
        operator_settings(tmp_path, {})
