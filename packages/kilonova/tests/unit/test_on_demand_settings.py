"""The bounds of flavors on demand, as an operator writes them."""

from pathlib import Path

import pytest
from kilonova.cloud.errors import CloudError
from kilonova.cloud.settings import operator_settings
from kilonova_compute.model.flavors_on_demand import OnDemand


def test_bounds_are_written_per_project_and_for_all_others(tmp_path: Path) -> None:
    text = '[flavors_on_demand."*"]\nmax_vcpus = 8\n[flavors_on_demand.f00]\nallowed = false\n'
    (tmp_path / "kilonova.toml").write_text(text)
    found = operator_settings(tmp_path, {}).flavors_on_demand
    assert found == {"*": OnDemand(max_vcpus=8), "f00": OnDemand(allowed=False)}


def test_a_bound_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kilonova.toml").write_text('[flavors_on_demand."*"]\nmax_cpus = 8\n')
    with pytest.raises(CloudError, match="max_cpus"):
        operator_settings(tmp_path, {})
