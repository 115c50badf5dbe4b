"""The doctor says what is missing, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from kilonova.cloud.folder import CloudFolder
from kilonova.commands.doctor import Finding, _controller_findings, _findings, line_to_type, own_rules


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


def _missing(*mends: str) -> list[Finding]:
    return [Finding("part", mend, ok=False, found="", mend=mend) for mend in mends]


def test_what_is_missing_is_mended_by_one_line_that_this_user_can_type() -> None:
    findings = _missing("apt-get install -y nftables", "chmod 0666 /dev/net/tun", "apt-get install -y dnsmasq-base")
    line = "apt-get update && apt-get install -y nftables dnsmasq-base && chmod 0666 /dev/net/tun"
    assert line_to_type(findings, as_root=True, sudo=True) == line
    assert line_to_type(findings, as_root=False, sudo=False) == f"su - -c '{line}'"
    assert line_to_type(findings[:2], as_root=False, sudo=True) == (
        "sudo apt-get update && sudo apt-get install -y nftables && sudo chmod 0666 /dev/net/tun"
    )


def test_a_sentence_is_no_line_to_type() -> None:
    fine = Finding("part", "fine", ok=True, found="", mend="chmod 0666 /dev/net/tun")
    assert line_to_type([*_missing("make room, or use --data"), fine], as_root=True, sudo=True) == ""


def test_room_is_looked_for_where_the_folder_will_be(tmp_path: Path) -> None:
    found = {one.name: one for one in _controller_findings(CloudFolder(tmp_path / "not" / "yet"))}
    assert found["disk space"].found.endswith(f"in {tmp_path}")


def test_rules_that_settings_name_must_be_installed_and_others_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "our_rules-1.2.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: our-rules\nVersion: 1.2\n")
    (folder / "entry_points.txt").write_text(
        "[kilonova.constraints]\ngold = r:gold\n[kilonova.weighers]\ncool = r:COOL\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    gold, lost, cool = own_rules(["gold", "lost"])
    assert (gold.ok, gold.found) == (True, "constraint of our-rules 1.2")
    assert (lost.ok, lost.needed, lost.found) == (False, True, "not installed")
    assert (cool.ok, cool.needed, cool.found) == (False, False, "weigher of our-rules 1.2, not in use")


def test_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "kilonova.toml").write_text("[placement]\nmultiplier = 3\n")
    found = {one.name: one for one in _findings(CloudFolder(tmp_path), probe=False)}
    assert "placement.multiplier" in found["kilonova.toml"].found
