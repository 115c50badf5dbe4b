"""A file is what its bytes say: what is not what was declared, or points at other files, is refused."""

from __future__ import annotations

import subprocess

import pytest


def qemu_img(*words):
    subprocess.run(["qemu-img", *map(str, words)], check=True, capture_output=True)


def make(kind, folder):
    """(declared format, bytes) of a file of this kind."""
    path, base = folder / "image", folder / "base"
    if kind == "backing file":
        qemu_img("create", "-f", "raw", base, "1M")
        qemu_img("create", "-f", "qcow2", "-F", "raw", "-b", base, path)
        return "qcow2", path.read_bytes()
    if kind == "data file":
        qemu_img("create", "-f", "qcow2", "-o", f"data_file={base},data_file_raw=on", path, "1M")
        return "qcow2", path.read_bytes()
    if kind == "vmdk that names a file":
        qemu_img("create", "-f", "vmdk", "-o", "subformat=monolithicFlat", folder / "disk.vmdk", "1M")
        return "vmdk", (folder / "disk.vmdk").read_bytes()
    if kind == "vmdk descriptor named raw":
        return "raw", make("vmdk that names a file", folder)[1]
    if kind == "qcow2 named raw":
        return "raw", make("backing file", folder)[1]
    if kind == "plain qcow2 named raw":
        return "raw", good("qcow2", folder)
    if kind == "truncated qcow2":
        return "qcow2", good("qcow2", folder)[:40]
    if kind == "qcow2 named vmdk":
        return "vmdk", good("qcow2", folder)
    if kind == "text named qcow2":
        return "qcow2", b"#!/bin/sh\n" * 1000
    assert kind == "empty named vmdk"
    return "vmdk", b""


def good(kind, folder):
    path = folder / f"good.{kind}"
    options = {"vmdk": ["-o", "subformat=monolithicSparse"]}.get(kind, [])
    qemu_img("create", "-f", {"vhd": "vpc"}.get(kind, kind), *options, path, "4M")
    return path.read_bytes()


NASTY = [
    "backing file",
    "data file",
    "vmdk that names a file",
    "vmdk descriptor named raw",
    "qcow2 named raw",
    "plain qcow2 named raw",
    "truncated qcow2",
    "qcow2 named vmdk",
    "text named qcow2",
    "empty named vmdk",
]


@pytest.mark.parametrize("kind", NASTY)
async def test_a_nasty_image_is_refused_with_the_reason(cloud, tmp_path, kind):
    declared, data = make(kind, tmp_path)
    image = await cloud.create(disk_format=declared)
    reply = await cloud.upload(image["id"], data)
    assert reply.status == 415, reply.body
    assert "safety checks" in reply.message() or "did not match disk_format" in reply.message()
    assert (await cloud.show(image["id"]))["status"] == "queued"
    assert cloud.files() == []


@pytest.mark.parametrize("kind", ["backing file", "data file"])
async def test_another_container_is_no_way_around(cloud, tmp_path, kind):
    declared, data = make(kind, tmp_path)
    for container, disk in (("ovf", declared), ("docker", "raw")):
        image = await cloud.create(disk_format=disk, container_format=container)
        assert (await cloud.upload(image["id"], data)).status == 415


@pytest.mark.parametrize("kind", ["qcow2", "vmdk", "vdi", "vhdx", "vhd", "raw"])
async def test_an_honest_image_is_taken_and_its_size_is_known(cloud, tmp_path, kind):
    image = await cloud.create(disk_format=kind)
    reply = await cloud.upload(image["id"], good(kind, tmp_path))
    assert reply.status == 204, reply.body
    shown = await cloud.show(image["id"])
    assert (shown["status"], shown["virtual_size"] >= 4 * 1024 * 1024) == ("active", True)


async def test_a_partitioned_disk_is_raw(cloud):
    sector = bytearray(512)
    sector[446:462] = bytes([0x80, 0, 2, 0, 0x83, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0xFF, 0x07, 0, 0])
    sector[510:] = b"\x55\xaa"
    data = bytes(sector) + bytes(1024 * 1024 - 512)
    image = await cloud.create(disk_format="raw")
    reply = await cloud.upload(image["id"], data)
    assert reply.status == 204, reply.body
    assert (await cloud.show(image["id"]))["virtual_size"] == len(data)
