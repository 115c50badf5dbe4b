"""The command line: help is quick because it imports nothing, and every command is there."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner
from kilonova.cli import kilonova

_HEAVY = ("falcon", "sqlalchemy", "httpx", "uvicorn", "msgspec", "kilonova_compute", "kilonova_kit", "rich")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from kilonova.cli import kilonova\n"
        "kilonova(['--help'], standalone_mode=False)\n"
        f"print('LOADED', [name for name in {_HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout


def test_help_names_every_command_with_a_line() -> None:
    told = CliRunner().invoke(kilonova, ["--help"]).output
    for name in ("up", "down", "status", "doctor", "ssh", "host", "driver", "explain"):
        assert f"\n  {name} " in told


@pytest.mark.parametrize("name", ["up", "down", "status", "doctor", "ssh", "host", "driver", "explain", "settings"])
def test_every_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(kilonova, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert "Usage:" in done.output


def test_an_unknown_command_is_refused() -> None:
    assert CliRunner().invoke(kilonova, ["fly"]).exit_code == 2


def test_a_cloud_that_is_not_there_is_one_line_and_status_1(tmp_path: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kilonova", "status", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("kilonova: there is no cloud in")
    assert len(done.stderr.splitlines()) == 1
