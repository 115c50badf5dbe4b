"""What ``kilonova explain`` prints of a request."""

from typing import Any

from kilonova.commands.explain import constraints_table, request_in_words, verdict, weights_table
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


def test_the_verdict_names_the_winner() -> None:
    assert verdict(explanation()) == "no host fits"
    assert verdict(explanation(fits=1, winner=WINNER)) == "it fits; the first goes to alpha in cell1"
    assert verdict(explanation(fits=1, count=3, winner=WINNER)).startswith("1 of 3 fit;")
    assert "memory" in printed(weights_table(WINNER))
    assert "0.500" in printed(weights_table(WINNER))
