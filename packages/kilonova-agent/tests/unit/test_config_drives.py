"""The config drive as a guest sees it, read back with another reader's eyes."""

import io
import json
import os
import stat

import pycdlib
import pytest
from kilonova_agent.config_drives import ConfigDrives
from kilonova_messages.wishes import GuestMetadata


@pytest.fixture
def drives(tmp_path):
    made = ConfigDrives(tmp_path / "drives", owner=None, durable=True)
    made.start()
    return made


def wish_with(make_wish, **changes):
    parts = {
        "server_id": "g1",
        "name": "web",
        "hostname": "web.example",
        "project_id": "p",
        "user_data": b"#!/bin/sh\n",
    }
    metadata = GuestMetadata(**{**parts, **changes})
    return make_wish("g1", metadata=metadata)


def read(path, names="rr_path"):
    iso = pycdlib.PyCdlib()
    iso.open(str(path))
    found = {}
    for directory, _, files in iso.walk(**{names: "/"}):
        for name in files:
            content = io.BytesIO()
            inner = f"{directory.rstrip('/')}/{name}"
            iso.get_file_from_iso_fp(content, **{names: inner})
            found[inner.lstrip("/")] = content.getvalue()
    label = iso.pvd.volume_identifier.decode().strip()
    iso.close()
    return label, found


@pytest.mark.parametrize("names", ["rr_path", "joliet_path"])
async def test_the_drive_holds_the_documents_under_both_kinds_of_names(names, drives, make_wish):
    path = await drives.ensure(wish_with(make_wish, admin_password="pw"))
    label, files = read(path, names)
    assert label == "config-2"
    assert json.loads(files["openstack/latest/meta_data.json"])["admin_pass"] == "pw"
    assert files["openstack/latest/user_data"] == b"#!/bin/sh\n"
    assert json.loads(files["ec2/latest/meta-data.json"])["hostname"] == "web.example"
    assert files["ec2/latest/user-data"] == b"#!/bin/sh\n"


async def test_the_drive_is_for_its_owner_only(drives, make_wish):
    path = await drives.ensure(wish_with(make_wish))
    assert stat.S_IMODE(path.stat().st_mode) == 0o400


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
async def test_the_drive_belongs_to_the_user_that_guests_run_as(tmp_path, make_wish):
    drives = ConfigDrives(tmp_path / "drives", owner=(65534, 65534), durable=False)
    drives.start()
    path = await drives.ensure(wish_with(make_wish))
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


async def test_a_guest_keeps_the_drive_it_was_built_with(drives, make_wish):
    path = await drives.ensure(wish_with(make_wish))
    before = path.read_bytes()
    await drives.ensure(wish_with(make_wish, hostname="other"))
    assert path.read_bytes() == before
    drives.remove("g1")
    drives.remove("g1")
    assert drives.guest_ids() == ()


async def test_a_drive_that_was_half_written_is_removed_at_start(drives, tmp_path):
    (tmp_path / "drives" / ".g1.iso.new").write_bytes(b"half")
    drives.start()
    assert not list((tmp_path / "drives").iterdir())
