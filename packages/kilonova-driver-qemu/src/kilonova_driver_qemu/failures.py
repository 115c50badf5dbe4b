"""Turn what QEMU and qemu-img complained about into one of the contract's errors, with the complaint as its reason."""

from __future__ import annotations

import re
from pathlib import Path

from kilonova_driver.errors import DriverError, Internal, InvalidSpec, NoResources

_TABLE: tuple[tuple[type[DriverError], re.Pattern[str]], ...] = (
    (NoResources, re.compile(r"cannot allocate memory|out of memory|no space left|disk quota exceeded", re.IGNORECASE)),
    (
        NoResources,
        re.compile(r"device or resource busy|resource busy|too many open files|resource temporarily", re.IGNORECASE),
    ),
    (
        InvalidSpec,
        re.compile(
            r"not in qcow2 format|unsupported qcow2|qcow2 header|image is corrupt|could not load kernel"
            r"|unable to find cpu model|unsupported machine type|invalid smp|invalid cpu topology|number of smp cpus"
            r"|mac address|ram size|linux kernel too old",
            re.IGNORECASE,
        ),
    ),
)
TAIL_BYTES = 2000


def explain(complaint: str, doing: str) -> DriverError:
    """Choose the error for a complaint; one that is not known is the driver's own fault (Internal)."""
    text = " | ".join(line.strip() for line in complaint.splitlines() if line.strip())[-TAIL_BYTES:]
    message = f"{doing}: {text or 'no word of why'}"
    for kind, pattern in _TABLE:
        if pattern.search(text):
            return kind(message)
    return Internal(message)


def tail(path: Path, start: int = 0) -> str:
    """Read the last lines of a complaint file, from ``start`` on at most."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start, size - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
