"""What a host says of itself is counted, however wrong it is: no lie stops the choosing for others."""

from __future__ import annotations

import math

import msgspec
import pytest
from kilonova_placement.model.providers import MOST, Inventory


@pytest.mark.parametrize("ratio", [1e308, 3.4e38, 1e20])
def test_a_boasting_host_has_no_more_than_can_be_counted(ratio: float) -> None:
    assert Inventory(total=MOST, allocation_ratio=ratio).capacity == MOST
    assert Inventory(total=0, reserved=MOST, allocation_ratio=ratio).capacity == 0


def test_honest_capacities_are_exact() -> None:
    assert Inventory(total=8, reserved=1, allocation_ratio=4.0).capacity == 28
    assert Inventory(total=3, allocation_ratio=1.5).capacity == math.floor(4.5)
    assert Inventory(total=1, reserved=3).capacity == 0


@pytest.mark.parametrize(
    "text", ['{"total":8,"allocation_ratio":1e999}', '{"total":8,"allocation_ratio":-0.5}', '{"total":-1}']
)
def test_impossible_inventories_are_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Inventory)
