"""What the agent reports of a machine with nodes, huge pages and devices, on a real kernel: see tools/numa."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
#: The kernel is one of the packages that the tiny guest image was built of, and stays beside it.
_PACKAGES = Path(os.environ.get("KILONOVA_GUEST_IMAGE", "/nowhere/image")).parent / "debs"

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(
        not all(list(_PACKAGES.glob(f"{name}_*.deb")) for name in ("linux-image-*", "busybox-static")),
        reason="no kernel's package beside the tiny guest image (bin/test builds it)",
    ),
]


def test_a_host_with_nodes_pages_and_devices_reports_what_it_is_made_of() -> None:
    program = [sys.executable, str(_ROOT / "tools/numa/prove.py"), "tree", "--cache", str(_PACKAGES)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NUMA1 has" in done.stdout
