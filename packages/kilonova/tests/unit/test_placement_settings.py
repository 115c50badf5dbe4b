"""What an operator writes about placement."""

from pathlib import Path

import pytest
from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder
from kilonova.cloud.settings import operator_settings, placement_settings
from kilonova_placement.service import PlacementSettings


def _settings(root: Path, text: str) -> PlacementSettings:
    (root / "kilonova.toml").write_text(f"[placement]\n{text}\n")
    return placement_settings(operator_settings(root, {}), CloudFolder(root))


def test_multipliers_and_limits_are_tables(tmp_path: Path) -> None:
    found = _settings(tmp_path, "multipliers = { ram = -1.0, arriving = 0 }\nmost = { guests = 50, arriving = 8 }")
    assert found.multipliers == {"ram": -1.0, "arriving": 0.0}
    assert found.limits == {"guests": 50, "arriving": 8}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("multipliers = { cpu = 1.0 }", "no weigher is named cpu: did you mean vcpu"),
        ('own = ["gold"]', "gold: no installed package has an entry point of this name"),
        ("most = { servers = 3 }", "placement.most"),
        ("most = { guests = -3 }", "placement.most"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CloudError) as raised:
        _settings(tmp_path, text)
    assert words in str(raised.value)
