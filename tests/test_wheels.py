"""The packages are installable: wheels, in an environment that knows nothing of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


def _uv() -> str:
    own = _ROOT / ".tools" / "uv" / "bin" / "uv"
    found = shutil.which("uv") or (str(own) if own.exists() else "")
    if not found:
        pytest.skip("needs uv")
    return found


@pytest.mark.timeout(400)
def test_wheels_install_and_the_command_runs(tmp_path: Path) -> None:
    uv, wheels, place = _uv(), tmp_path / "wheels", tmp_path / "venv"
    _run(uv, "build", "--all-packages", "--wheel", "--quiet", "--out-dir", str(wheels))
    built = sorted(wheels.glob("*.whl"))
    assert len(built) == len(list((_ROOT / "packages").glob("*/pyproject.toml")))
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(place))
    _run(uv, "pip", "install", "--quiet", "--python", str(place / "bin" / "python"), *map(str, built))
    told = _run(str(place / "bin" / "kilonova"), "--help")
    assert "Start a cloud on this machine." in told
    assert "fake" in _run(str(place / "bin" / "kilonova"), "driver", "list")


def _run(*command: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=_ROOT, env=kept)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
