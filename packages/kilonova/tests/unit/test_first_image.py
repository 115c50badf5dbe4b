"""What a fresh cloud shows as ``tiny``."""

from __future__ import annotations

from pathlib import Path

import pytest
from kilonova.cloud.first_image import first_image
from kilonova.cloud.folder import CloudFolder, CloudState


@pytest.fixture
def folder(tmp_path: Path) -> CloudFolder:
    made = CloudFolder(tmp_path / "cloud")
    made.make()
    return made


def test_the_named_image_is_the_first(folder: CloudFolder, tmp_path: Path) -> None:
    image = first_image(folder, CloudState(driver="fake"), tmp_path / "guest.qcow2", "admins")
    assert image is not None
    assert (image.name, image.path, image.disk_format) == ("tiny", tmp_path / "guest.qcow2", "qcow2")


def test_simulated_guests_start_from_zeros(folder: CloudFolder) -> None:
    image = first_image(folder, CloudState(driver="fake"), None, "admins")
    assert image is not None
    assert image.disk_format == "raw"
    assert set(image.path.read_bytes()) == {0}
    assert image == first_image(folder, CloudState(driver="fake"), None, "admins")


def test_real_guests_get_no_image_that_does_not_boot(folder: CloudFolder) -> None:
    assert first_image(folder, CloudState(driver="qemu"), None, "admins") is None
