"""The committed OpenAPI documents are what the tables of the services give."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]


def test_the_committed_documents_are_what_the_tables_give():
    spec = importlib.util.spec_from_file_location("openapi_tool", ROOT / "tools" / "openapi.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    stale = [str(path.relative_to(ROOT)) for path in tool.differences()]
    assert not stale, f"run `just openapi` and commit: {', '.join(stale)}"
