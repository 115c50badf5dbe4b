"""The doctor says what is missing, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from kilonova.cloud.folder import CloudFolder
from kilonova.commands.doctor import _controller_findings, _findings


def test_the_bus_server_is_found_where_it_was_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = {one.name: one for one in _controller_findings(CloudFolder(tmp_path))}
    assert found["nats-server"].ok
    assert "GiB free" in found["disk space"].found


def test_every_part_is_looked_at_and_what_is_missing_has_a_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    findings = list(_findings(CloudFolder(tmp_path), probe=False))
    assert {one.part for one in findings} == {"controller", "driver qemu", "host network"}
    missing = [one for one in findings if one.needed and not one.ok]
    assert missing
    assert [one.name for one in missing if not one.mend] == []
