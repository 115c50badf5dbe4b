"""The image ``tiny`` that a fresh cloud holds: the one that was named, or zeros for guests that are simulated."""

from __future__ import annotations

from pathlib import Path

from kilonova_neighbours.image.settings import BootstrapImage

from kilonova.cloud.folder import CloudFolder, CloudState

NAME = "tiny"
_MIB = 1024**2


def first_image(folder: CloudFolder, state: CloudState, named: Path | None, owner: str) -> BootstrapImage | None:
    """``named`` is a qcow2 file. Real guests without one get no image: one that does not boot would only mislead."""
    if named is not None:
        return BootstrapImage(name=NAME, path=named, disk_format="qcow2", owner=owner)
    if state.driver != "fake":
        return None
    return BootstrapImage(name=NAME, path=_zeros(folder.root / "zeros.raw"), disk_format="raw", owner=owner)


def _zeros(path: Path) -> Path:
    if not path.exists():
        path.write_bytes(bytes(_MIB))
    return path
