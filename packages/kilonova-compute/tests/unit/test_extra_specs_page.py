"""The page of extra specs is what the table says."""

import importlib.util
from pathlib import Path

TOOL = Path(__file__).resolve().parents[4] / "tools" / "extra_specs.py"


def test_the_page_of_extra_specs_is_current() -> None:
    spec = importlib.util.spec_from_file_location("extra_specs_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.PAGE.read_text() == tool.page(), "write it anew: python tools/extra_specs.py"
