"""The folder of a cloud: made for its owner alone, and refused where others could reach into it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder, CloudState


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_way_to_hosts_is_open_to_others(tmp_path: Path, umask: int) -> None:
    folder = CloudFolder(tmp_path / "some" / "cloud")
    folder.make()
    modes = {path.name: _mode(path) for path in folder.root.iterdir()}
    assert modes.pop("hosts") == 0o711
    assert set(modes.values()) == {0o700}
    assert _mode(folder.root) == 0o711


def test_what_holds_passwords_is_for_its_owner(tmp_path: Path, umask: int) -> None:
    folder = CloudFolder(tmp_path / "cloud")
    folder.make()
    folder.save_state(CloudState())
    folder.write_clouds_yaml(CloudState())
    assert {path.name: _mode(path) for path in folder.root.iterdir() if path.is_file()} == {
        "cloud.json": 0o600,
        "secrets.json": 0o600,
        "clouds.yaml": 0o600,
    }


def test_passwords_are_made_at_random(tmp_path: Path) -> None:
    secrets = []
    for name in ("a", "b"):
        folder = CloudFolder(tmp_path / name)
        folder.make()
        kept = folder.secrets()
        secrets += [kept.admin_password, kept.demo_password, kept.service_password, kept.ticket_secret]
        assert folder.secrets() == kept
    assert len(set(secrets)) == 8
    assert min(map(len, secrets)) >= 24


def test_a_folder_in_which_anybody_may_write_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(CloudError, match="anybody may write"):
        CloudFolder(shared).make()
    assert not list(shared.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="giving folders away takes root")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    before = os.geteuid()
    os.seteuid(1)
    try:
        with pytest.raises(CloudError, match=r"another user|cannot be made"):
            CloudFolder(theirs).make()
    finally:
        os.seteuid(before)
    assert not list(theirs.iterdir())
