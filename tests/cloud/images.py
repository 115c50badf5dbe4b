"""The smallest image that is what its bytes say: simulated guests never read it."""

from __future__ import annotations

import struct
from pathlib import Path

_CLUSTER_BITS, _MIB = 16, 1024 * 1024


def small_qcow2(virtual_bytes: int = _MIB) -> bytes:
    """An empty qcow2, version 2: header, one L1 table, refcounts (QEMU, docs/interop/qcow2.txt)."""
    cluster = 1 << _CLUSTER_BITS
    l1_at, refcount_table_at, refcount_block_at = cluster, 2 * cluster, 3 * cluster
    header = struct.pack(
        ">4sIQIIQIIQQIIQ",
        *(b"QFI\xfb", 2, 0, 0, _CLUSTER_BITS, virtual_bytes, 0, 1, l1_at, refcount_table_at, 1, 0, 0),
    )
    table = struct.pack(">Q", refcount_block_at)
    block = struct.pack(">4H", 1, 1, 1, 1)
    return b"".join(part.ljust(cluster, b"\0") for part in (header, b"", table, block))


def write_small_qcow2(path: Path) -> Path:
    path.write_bytes(small_qcow2())
    return path
