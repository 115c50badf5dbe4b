"""The image that a fresh cloud holds."""

from __future__ import annotations

import pytest
from kilonova_kit.errors import UnsupportedMedia
from kilonova_neighbours.image.settings import BootstrapImage


def wanted(path, **fields):
    return BootstrapImage(
        name="tiny", path=path, disk_format="raw", owner="alpha", properties={"os_distro": "tiny"}, **fields
    )


async def test_the_image_is_made_once(cloud, tmp_path):
    path = tmp_path / "tiny.img"
    path.write_bytes(b"a disk")
    first = await cloud.app.bootstrap(wanted(path, min_ram=64))
    again = await cloud.app.bootstrap(wanted(path))
    assert first.id == again.id
    assert await cloud.names("bea") == ["tiny"]
    shown = await cloud.show(first.id, "bea")
    assert (shown["visibility"], shown["status"], shown["os_distro"]) == ("public", "active", "tiny")
    assert (await cloud.ask("ben", "GET", f"/v2/images/{first.id}/file")).body == b"a disk"


async def test_a_new_file_makes_a_new_image_and_keeps_the_old(cloud, tmp_path):
    path = tmp_path / "tiny.img"
    path.write_bytes(b"a disk")
    first = await cloud.app.bootstrap(wanted(path))
    path.write_bytes(b"a newer disk")
    second = await cloud.app.bootstrap(wanted(path))
    assert first.id != second.id
    assert (await cloud.ask("bea", "GET", "/v2/images?name=tiny")).json()["images"][0]["id"] == second.id


async def test_a_wrong_file_is_refused(cloud, tmp_path):
    path = tmp_path / "tiny.img"
    path.write_bytes(b"QFI\xfb" + b"\0\0\0\2" + bytes(500))
    with pytest.raises(UnsupportedMedia):
        await cloud.app.bootstrap(wanted(path))
