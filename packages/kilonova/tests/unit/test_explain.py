"""What ``kilonova explain`` prints of a request."""

from pathlib import Path
from typing import Any

import pytest
from kilonova.cloud.errors import CloudError
from kilonova.commands.explain import (
    constraints_table,
    hints_of,
    request_in_words,
    request_question,
    verdict,
    weights_table,
)
from rich.console import Console
from rich.table import Table

SHORT = {"constraint": "memory", "removed": 2, "left": 0, "nearest": "2 hosts lack 512 MB", "nearest_host": "alpha"}
WINNER = {"host": "alpha", "cell": "cell1", "weights": {"memory": 0.5}}


def printed(table: Table) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def explanation(**more: Any) -> dict[str, Any]:
    return {"hosts": 2, "count": 1, "fits": 0, "constraints": [SHORT], "winner": None, **more}


def test_a_request_is_said_in_words() -> None:
    request = {
        "resources": {"VCPU": 2, "MEMORY_MB": 512}, "required_traits": ["A"], "forbidden_traits": ["B"],
        "image_traits": ["C"], "zone": "nova", "host": "",
    }  # fmt: skip
    assert request_in_words(request) == "2 VCPU, 512 MEMORY_MB, trait A, trait C, not trait B, in zone nova"


def test_each_constraint_is_a_line_with_its_nearest_miss() -> None:
    lines = printed(constraints_table(explanation())).splitlines()
    assert lines[1].split() == ["(all", "hosts)", "2"]
    assert lines[2].split() == ["memory", "2", "0", "2", "hosts", "lack", "512", "MB", "alpha"]


def test_who_would_do_but_for_one_constraint_is_counted() -> None:
    lines = printed(constraints_table(explanation(constraints=[{**SHORT, "only": 1}]))).splitlines()
    assert lines[2].split()[:4] == ["memory", "2", "1", "0"]


def test_the_verdict_names_the_winner() -> None:
    assert verdict(explanation()) == "no host fits"
    assert verdict(explanation(fits=1, winner=WINNER)) == "it fits; the first goes to alpha in cell1"
    assert verdict(explanation(fits=1, count=3, winner=WINNER)).startswith("1 of 3 fit;")
    assert "memory" in printed(weights_table(WINNER))
    assert "0.500" in printed(weights_table(WINNER))


def test_where_a_request_wants_to_be_is_said_too() -> None:
    request = {
        "resources": {"VCPU": 1}, "required_traits": [], "forbidden_traits": [], "image_traits": [], "zone": "",
        "preferred_traits": ["FAST"], "labels": [{"key": "disk", "values": ["ssd", "nvme"]}], "hosts": [],
        "group": {"group_id": "g", "policy": "affinity"}, "not_hosts": ["beta"], "network": "10.0.0.0/8",
    }  # fmt: skip
    assert request_in_words(request) == (
        "1 VCPU, trait FAST if possible, label disk ssd or nvme, affinity in group g, on one of no hosts, not on beta, "
        "near 10.0.0.0/8"
    )


def test_cells_devices_and_groups_are_said_too() -> None:
    request = {
        "resources": {"DISK_GB": 1}, "required_traits": [], "forbidden_traits": [], "image_traits": [], "zone": "",
        "layout": {"cells": [{"cpus": [0, 1, 2], "memory_mb": 64, "dedicated": [0]}], "page_size": "large"},
        "machine": "CUSTOM_LARGE",
        "devices": [{"resource_class": "CUSTOM_GPU", "count": 2, "required_traits": ["CUSTOM_FAST"]}],
        "bundles": [{"name": "1", "resources": {"CUSTOM_A": 1, "CUSTOM_B": 2}}],
    }  # fmt: skip
    assert request_in_words(request) == (
        "1 DISK_GB, 1 PCPU and 2 VCPU with 64 MEMORY_MB in pages (large) on one NUMA node, "
        "a whole machine CUSTOM_LARGE, 2 devices CUSTOM_GPU with CUSTOM_FAST, 1 CUSTOM_A and 2 CUSTOM_B of one provider"
    )


def test_a_request_is_json_a_file_of_it_or_an_id(tmp_path: Path) -> None:
    file = tmp_path / "asked.json"
    file.write_text('{"request": {"resources": {"VCPU": 1}}}')
    expected = {"request": {"resources": {"VCPU": 1}}}
    assert request_question(str(file)) == expected
    assert request_question('{"resources": {"VCPU": 1}}') == expected
    assert request_question("req-1234") == {"request_id": "req-1234"}
    assert request_question("web") is None
    assert request_question("vcpus=1,ram=64") is None


@pytest.mark.parametrize("wrong", ["{not json", "nowhere.json", "/"])
def test_a_request_that_cannot_be_read_says_so(wrong: str) -> None:
    with pytest.raises(CloudError):
        request_question(wrong)


def test_hints_given_several_times_are_a_list() -> None:
    assert hints_of(["group=g", "different_host=a", "different_host=b"]) == {"group": "g", "different_host": ["a", "b"]}
    with pytest.raises(CloudError):
        hints_of(["group"])
