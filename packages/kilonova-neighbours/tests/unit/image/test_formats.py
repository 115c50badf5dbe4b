"""What bytes are, however they are cut into pieces."""

from __future__ import annotations

import os

import pytest
from kilonova_kit.errors import UnsupportedMedia
from kilonova_neighbours.image.model.formats import Inspection

#: A qcow2 header (version 3, 1 MiB) with nothing behind it.
QCOW2 = (
    b"QFI\xfb" + (3).to_bytes(4) + bytes(8) + bytes(4) + (16).to_bytes(4) + (1 << 20).to_bytes(8) + bytes(4)
    + (1).to_bytes(4) + bytes(60) + (104).to_bytes(4)
)  # fmt: skip


def inspect(data, disk_format="raw", container="bare", piece=1 << 20):
    inspection = Inspection()
    for start in range(0, len(data), piece):
        inspection.eat(data[start : start + piece])
    return inspection.finish(disk_format, container)


@pytest.mark.parametrize("piece", [1, 7, 512, 65536, 1 << 20])
def test_the_pieces_make_no_difference(piece):
    data = QCOW2 + bytes(4096)
    found = inspect(data, "qcow2", piece=piece)
    assert (found.size, found.virtual_size) == (len(data), 1 << 20)
    with pytest.raises(UnsupportedMedia, match="does not match stream data qcow2"):
        inspect(data, "raw", piece=piece)


def test_a_stump_that_qemu_would_know_is_not_raw():
    with pytest.raises(UnsupportedMedia, match="stump of a qcow2"):
        inspect(QCOW2[:32])


@pytest.mark.parametrize("declared", ["raw", "ami", "aki", "ari", "ploop"])
def test_unknown_bytes_pass_where_nothing_can_be_known(declared):
    data = b"\x01" + os.urandom(3000)
    assert inspect(data, declared).virtual_size == len(data)


@pytest.mark.parametrize("declared", ["qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso"])
def test_unknown_bytes_are_no_disk_of_a_known_kind(declared):
    with pytest.raises(UnsupportedMedia, match="did not match disk_format"):
        inspect(b"\x01" * 3000, declared)
    assert inspect(b"\x01" * 3000, declared, container="ova").size == 3000


def test_nothing_at_all_is_an_empty_raw_image():
    assert inspect(b"").size == 0


def test_memory_does_not_grow_with_the_image():
    inspection = Inspection()
    for _ in range(64):
        inspection.eat(bytes(1 << 20))
    held = sum(sum(inspector.context_info.values()) for inspector in inspection._wrapper._inspectors)
    assert len(inspection._head) == 64 * 1024
    assert 0 < held < 1 << 20
