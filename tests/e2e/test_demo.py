"""The demo's whole conversation: the real ``openstack`` client, a real guest, seen from inside and outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud import ordinary_user
from cloud.ports import free_port

_ROOT = Path(__file__).resolve().parents[2]
_NEEDED = ("KILONOVA_OPENSTACK", "KILONOVA_GUEST_IMAGE")

pytestmark = [
    pytest.mark.guest,
    pytest.mark.network,
    pytest.mark.xdist_group("real guests"),
    pytest.mark.skipif(any(name not in os.environ for name in _NEEDED), reason="bin/test sets what this needs"),
]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder near the root: the paths of sockets may not be long, and pytest's own folders are deep."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _demo(data: Path, image: str, prefix: tuple[str, ...] = ()) -> str:
    done = subprocess.run(
        [
            *prefix, sys.executable, str(_ROOT / "tools" / "demo.py"),
            "--data", str(data), "--listen", f"127.0.0.1:{free_port()}",
            "--image", image, "--openstack", os.environ["KILONOVA_OPENSTACK"],
        ],
        capture_output=True, text=True, timeout=420, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_ends_well(tmp_path: Path) -> None:
    told = _demo(tmp_path / "cloud", os.environ["KILONOVA_GUEST_IMAGE"])
    for step in ("openstack token issue", "tiny: ready at", "over SSH", "server stop", "server delete --wait"):
        assert step in told


def _read_by_the_demo() -> list[Path]:
    """The checkout, and what its environments stand on."""
    interpreters = (sys.executable, Path(os.environ["KILONOVA_OPENSTACK"]).with_name("python"))
    stands_on = [Path(path).resolve().parents[1] for path in interpreters]
    environments = [Path(os.environ["KILONOVA_OPENSTACK"]).resolve().parents[1], Path(sys.prefix)]
    return [_ROOT, *stands_on, *environments]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_demo_ends_well_without_any_privilege(short_path: Path) -> None:
    """As a user with a home of their own: the host network is in a user namespace then."""
    if not ordinary_user.possible():
        pytest.skip("this machine lets nobody make mounts or namespaces of their own")
    home = short_path / "home"
    kept = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games", "LANG": "C.UTF-8"}
    become = ordinary_user.as_ordinary_user(_read_by_the_demo(), home, kept)
    image = shutil.copy(os.environ["KILONOVA_GUEST_IMAGE"], home)
    Path(image).chmod(0o644)
    told = _demo(home / "cloud", image, become)
    assert "over SSH" in told
