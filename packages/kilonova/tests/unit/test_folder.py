"""The cloud's folder: made once, private, and remembered."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
import yaml
from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder, CloudState


@pytest.fixture
def folder(tmp_path: Path) -> CloudFolder:
    made = CloudFolder(tmp_path / "cloud")
    made.make()
    return made


def test_secrets_are_made_once_and_shown_to_nobody(folder: CloudFolder) -> None:
    first = folder.secrets()
    assert folder.secrets() == first
    assert (folder.root / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert first.admin_password not in repr(first)
    words = msgspec.structs.astuple(first)
    assert len(set(words)) == len(words)


def test_two_clouds_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = CloudFolder(tmp_path / "one"), CloudFolder(tmp_path / "other")
    one.make()
    other.make()
    assert not set(msgspec.structs.astuple(one.secrets())) & set(msgspec.structs.astuple(other.secrets()))


def test_a_cloud_of_another_user_is_said_to_be_one(folder: CloudFolder) -> None:
    folder.save_state(CloudState())
    (folder.root / "cloud.json").chmod(0)
    own = os.geteuid()
    os.seteuid(own or 65534)  # root may read everything
    try:
        with pytest.raises(CloudError, match="not this user's"):
            folder.state()
    finally:
        os.seteuid(own)


def test_its_rooms_are_closed_to_others(folder: CloudFolder) -> None:
    for room in ("db", "identity", "images", "bus", "nats", "logs", "run"):
        assert (folder.root / room).stat().st_mode & 0o077 == 0


def test_state_is_remembered(folder: CloudFolder) -> None:
    state = CloudState(listen="127.0.0.1:1234", driver="fake", hosts=7, cells=3, public_url="https://x")
    assert not folder.exists
    folder.save_state(state)
    assert CloudFolder(folder.root).state() == state


def test_a_folder_without_a_cloud_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="kilonova up"):
        CloudFolder(tmp_path).state()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CloudError, match="file"):
        CloudFolder(tmp_path / "file" / "cloud").make()


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8774", "http://127.0.0.1:8774"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::1]:99", "http://[::1]:99"),
        (":8774", "http://127.0.0.1:8774"),
    ],
)
def test_the_url_is_where_this_machine_reaches_it(listen: str, url: str) -> None:
    assert CloudState(listen=listen).url == url


def test_clouds_yaml_is_private_and_says_the_public_url(folder: CloudFolder) -> None:
    state = CloudState(public_url="https://cloud.example.org", certificate="/c.pem", key="/k.pem")
    folder.write_clouds_yaml(state)
    assert folder.clouds_yaml.stat().st_mode & 0o777 == 0o600
    clouds = yaml.safe_load(folder.clouds_yaml.read_text())["clouds"]
    assert set(clouds) == {"kilonova-admin", "kilonova-demo"}
    demo = clouds["kilonova-demo"]
    assert demo["auth"]["auth_url"] == "https://cloud.example.org/identity/v3"
    assert demo["auth"]["password"] == folder.secrets().demo_password
    assert demo["cacert"] == "/c.pem"
