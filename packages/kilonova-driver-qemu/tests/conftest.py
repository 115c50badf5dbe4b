"""The tiny guest image for tests with real guests, and a spec made of it.

``KILONOVA_TINY_IMAGE`` names a ready ``tiny.qcow2``; else the one that ``tools/guest/build.py`` made in
``~/.cache/kilonova/guest`` or ``/tmp/kilonova-guest`` is taken, and without any of them such tests are skipped.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import pytest
from kilonova_driver.types.guests import BaseImage, DiskFormat


def _candidates() -> list[Path]:
    named = os.environ.get("KILONOVA_TINY_IMAGE")
    places = [Path.home() / ".cache/kilonova/guest", Path("/tmp/kilonova-guest")]
    return ([Path(named)] if named else []) + [place / "tiny.qcow2" for place in places]


@pytest.fixture(scope="session")
def tiny_image() -> BaseImage:
    path = next((path for path in _candidates() if path.is_file()), None)
    if path is None:
        pytest.skip("no tiny guest image: run tools/guest/build.py ~/.cache/kilonova/guest")
    content = path.read_bytes()
    (size,) = struct.unpack_from(">Q", content, 24)
    digest = hashlib.sha512(content).hexdigest()
    return BaseImage(path=str(path), format=DiskFormat.QCOW2, digest=digest, virtual_size_bytes=size)
