"""``kilonova up``: what was said now goes over what was said before."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder, CloudState
from kilonova.cloud.serving import check_address
from kilonova.commands import up


@pytest.fixture
def folder(tmp_path: Path) -> CloudFolder:
    """One whose cloud had three cells and two simulated hosts."""
    made = CloudFolder(tmp_path / "cloud")
    made.make()
    made.save_state(CloudState(driver="fake", hosts=2, cells=3, listen="127.0.0.1:9999"))
    return made


def test_nothing_said_is_as_before(folder: CloudFolder) -> None:
    assert up._state(folder, {"hosts": None, "cells": None, "driver": None}) == folder.state()


def test_what_is_said_wins_and_the_rest_stays(folder: CloudFolder) -> None:
    state = up._state(folder, {"hosts": 0, "listen": "127.0.0.1:1"})
    assert (state.hosts, state.listen, state.driver, state.cells) == (0, "127.0.0.1:1", "fake", 3)


def test_a_new_cloud_has_the_defaults(tmp_path: Path) -> None:
    assert up._state(CloudFolder(tmp_path), {}) == CloudState()


def test_a_cell_cannot_be_taken_away(folder: CloudFolder) -> None:
    with pytest.raises(CloudError, match="--cells 3"):
        up._state(folder, {"cells": 2})


def test_tls_needs_both_files(folder: CloudFolder) -> None:
    with pytest.raises(CloudError, match="--tls-key"):
        up._state(folder, {"certificate": "/some/file"})


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:port"])
def test_an_address_that_is_none_is_explained(listen: str) -> None:
    with pytest.raises(CloudError, match="HOST:PORT"):
        check_address(CloudState(listen=listen))


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CloudError, match=listen):
            check_address(CloudState(listen=listen))


@pytest.mark.parametrize("words", [["--hosts", "-1"], ["--cells", "0"], ["--image", "/no/such/file"]])
def test_what_makes_no_sense_is_refused_by_its_name(words: list[str]) -> None:
    done = CliRunner().invoke(up.command, words)
    assert done.exit_code == 2
    assert words[0] in done.output
