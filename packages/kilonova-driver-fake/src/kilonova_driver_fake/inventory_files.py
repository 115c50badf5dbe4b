"""A host as a file: any tree that the contract can tell, in TOML or JSON, checked before it is believed.

    version = 2
    traits = ["HW_CPU_X86_AVX"]
    pools = [
      {resource_class = "VCPU", total = 16, allocation_ratio = 4.0},
      {resource_class = "MEMORY_MB", total = 32768},
      {resource_class = "DISK_GB", total = 1000},
    ]
    [[nodes]]                                         # a NUMA node: processors by core, memory, huge pages
    number = 0
    cores = [[0, 8], [1, 9], [2, 10], [3, 11]]
    memory_mib = 16384
    huge_pages = [{size_kib = 2048, total = 1024}]
    [[pci_devices]]                                   # a device, which the operator's host.toml may give to guests
    address = "0000:3b:00.0"
    vendor_id = "10de"
    product_id = "1db6"
    numa_node = 0
    [[parts]]                                         # a part of any kind: here a whole machine
    name = "rack1-machine7"
    devices = [{resource_class = "CUSTOM_BAREMETAL_LARGE", count = 1}]
    traits = ["CUSTOM_RAID"]

The fields are those of ``kilonova_driver.types.inventory``; a key that is none of them is an error, as is a tree that
no host can be (``kilonova_driver.soundness``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from kilonova_driver.errors import InvalidSpec
from kilonova_driver.soundness import faults
from kilonova_driver.types.inventory import Inventory


def read_inventory(path: Path) -> Inventory:
    """Raises InvalidSpec, which names the file and the place in it."""
    try:
        written = _read(path)
        inventory = msgspec.convert(written, Inventory)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.MsgspecError) as error:
        raise InvalidSpec(f"inventory file {path}: {error}") from error
    if found := [*_unknown(written, msgspec.to_builtins(inventory), ""), *faults(inventory)]:
        raise InvalidSpec(f"inventory file {path}: {'; '.join(found)}")
    return inventory


def _read(path: Path) -> Any:
    if path.suffix == ".toml":
        return tomllib.loads(path.read_text())
    return msgspec.json.decode(path.read_bytes())


def _unknown(written: Any, understood: Any, place: str) -> Iterator[str]:
    """Keys that were written and mean nothing: a typing error must not pass in silence."""
    if isinstance(written, dict) and isinstance(understood, dict):
        for key, value in written.items():
            if key in understood:
                yield from _unknown(value, understood[key], f"{place}.{key}" if place else key)
            else:
                yield f"unknown key {key}{f' in {place}' if place else ''}"
    elif isinstance(written, list) and isinstance(understood, (list, tuple)):
        for number, (one, other) in enumerate(zip(written, understood, strict=True)):
            yield from _unknown(one, other, f"{place}[{number}]")
