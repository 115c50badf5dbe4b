"""What the bytes of a fetched image are, by their header alone; no tool opens a stranger's file.

Only qcow2 needs a look: QEMU follows what its header names (a backing file, a data file). Raw bytes name nothing, as
the format is always said to QEMU. Source: QEMU's ``docs/interop/qcow2.txt``.
"""

from __future__ import annotations

import struct
from pathlib import Path

from kilonova_agent.errors import ImageRefused

_HEADER = struct.Struct(">4sIQIIQI")  # magic, version, backing file offset and size, cluster bits, size, encryption
_INCOMPATIBLE = struct.Struct(">Q")
_INCOMPATIBLE_AT = 72
_DATA_FILE, _CORRUPT = 1 << 2, 1 << 1
_KNOWN_FEATURES = (1 << 5) - 1


def virtual_size(path: Path, image_format: str) -> int:
    """How many bytes a guest sees. ImageRefused for what is not of that format, or points to another file."""
    if image_format == "raw":
        return path.stat().st_size
    if image_format != "qcow2":
        raise ImageRefused(f"images of the format {image_format!r} are not known here")
    with path.open("rb") as file:
        return _qcow2_size(file.read(_INCOMPATIBLE_AT + 8))


def _qcow2_size(header: bytes) -> int:
    if len(header) < _INCOMPATIBLE_AT + 8 or header[:4] != b"QFI\xfb":
        raise ImageRefused("the image says that it is qcow2, but its bytes are not")
    _, version, backing_at, _, _, size, encryption = _HEADER.unpack_from(header)
    if version not in (2, 3):
        raise ImageRefused(f"the image has the unknown qcow2 version {version}")
    (features,) = _INCOMPATIBLE.unpack_from(header, _INCOMPATIBLE_AT) if version == 3 else (0,)
    if backing_at or features & _DATA_FILE:
        raise ImageRefused("the image points to another file")
    if encryption or features & ~_KNOWN_FEATURES or features & _CORRUPT:
        raise ImageRefused("the image is encrypted, damaged, or of a later qcow2 than this host knows")
    return int(size)
