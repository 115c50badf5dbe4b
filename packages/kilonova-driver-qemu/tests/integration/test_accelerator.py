"""The boot sectors run where guests can run, and the probe's answer is kept for this boot only."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from kilonova_driver.errors import Internal
from kilonova_driver_qemu.accelerator import (
    Accelerator,
    boots,
    choose_accelerator,
    long_mode_sector,
    probe_accelerator,
    real_mode_sector,
)
from kilonova_driver_qemu.options import find_program

pytestmark = pytest.mark.guest

QEMU = "qemu-system-x86_64"


@pytest.mark.parametrize("sector", [real_mode_sector(), long_mode_sector()], ids=["real mode", "64-bit mode"])
def test_a_sector_runs_under_emulation(sector: bytes) -> None:
    assert boots(find_program(QEMU) or QEMU, "tcg", sector, 20) == ""


def test_a_guest_that_makes_no_progress_is_told_from_one_that_does() -> None:
    spinning = b"\xeb\xfe".ljust(510, b"\0") + b"\x55\xaa"
    assert "no progress" in boots(find_program(QEMU) or QEMU, "tcg", spinning, 0.5)


def test_the_probe_says_why() -> None:
    found = probe_accelerator(seconds=1.0)
    assert found.kind in ("kvm", "tcg")
    assert found.reason
    assert found.qemu_version >= (7, 0, 0)


def test_what_was_found_is_kept_for_this_boot_only(tmp_path: Path) -> None:
    cache = tmp_path / "accelerator.json"
    first = choose_accelerator(QEMU, "auto", cache)
    marked = msgspec.structs.replace(first, reason="found before")
    cache.write_bytes(msgspec.json.encode(marked))
    assert choose_accelerator(QEMU, "auto", cache) == marked
    cache.write_bytes(msgspec.json.encode(msgspec.structs.replace(marked, boot_id="another")))
    assert choose_accelerator(QEMU, "auto", cache).reason != "found before"
    assert isinstance(msgspec.json.decode(cache.read_bytes(), type=Accelerator), Accelerator)


def test_kvm_that_is_closed_to_guests_is_not_chosen_because_it_is_open_to_us(tmp_path: Path) -> None:
    cache = tmp_path / "accelerator.json"
    ours = choose_accelerator(QEMU, "auto", cache)
    theirs = choose_accelerator(QEMU, "auto", cache, ("/usr/bin/false",))
    assert theirs.kind == "tcg"
    assert theirs.reason
    assert choose_accelerator(QEMU, "auto", cache, ("/usr/bin/env",)).kind == ours.kind


def test_settings_overrule_the_probe(tmp_path: Path) -> None:
    assert choose_accelerator(QEMU, "tcg", tmp_path / "none").reason == "chosen by the settings"


def test_without_qemu_there_is_nothing_to_probe() -> None:
    with pytest.raises(Internal, match="apt install"):
        probe_accelerator("qemu-system-of-nowhere")
