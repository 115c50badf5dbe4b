"""The demo's whole conversation: the real ``openstack`` client, a real guest, seen from inside and outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cloud.ports import free_port

_ROOT = Path(__file__).resolve().parents[2]
_NEEDED = ("KILONOVA_OPENSTACK", "KILONOVA_GUEST_IMAGE")

pytestmark = [
    pytest.mark.guest,
    pytest.mark.network,
    pytest.mark.xdist_group("real guests"),
    pytest.mark.skipif(any(name not in os.environ for name in _NEEDED), reason="bin/test sets what this needs"),
]


def _demo(data: Path, prefix: tuple[str, ...] = (), environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [
            *prefix, sys.executable, str(_ROOT / "tools" / "demo.py"),
            "--data", str(data), "--listen", f"127.0.0.1:{free_port()}",
            "--image", os.environ["KILONOVA_GUEST_IMAGE"], "--openstack", os.environ["KILONOVA_OPENSTACK"],
        ],
        capture_output=True, text=True, timeout=280, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_ends_well(tmp_path: Path) -> None:
    told = _demo(tmp_path / "cloud")
    for step in ("openstack token issue", "tiny: ready at", "over SSH", "server stop", "server delete --wait"):
        assert step in told


def _becoming_nobody() -> tuple[str, ...]:
    """The words before a command that take every privilege away; skips where Python itself is only for root."""
    become = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
    tried = [*become, "sh", "-c", f"exec {sys.executable} -c ''"]
    if subprocess.run(tried, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{sys.executable} is not for everybody")
    return become


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_demo_ends_well_without_any_privilege(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As a user with a home of their own: the host network is in a user namespace then."""
    home = tmp_path_factory.getbasetemp() / "nobody"
    home.mkdir()
    os.chown(home, 65534, 65534)
    for folder in (home, *home.parents):
        if folder.stat().st_mode & 0o111 != 0o111 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o111)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "PYTHONPATH")}
    told = _demo(home / "cloud", _becoming_nobody(), kept | {"HOME": str(home), "TMPDIR": str(home)})
    assert "over SSH" in told
