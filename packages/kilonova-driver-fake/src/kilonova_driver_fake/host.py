"""The machine that the fake driver pretends to run on: its size, and what fits in it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from kilonova_driver.errors import InvalidSpec, NoResources, Unsupported
from kilonova_driver.layouts import check_layout
from kilonova_driver.types.guests import Feature, GuestSpec
from kilonova_driver.types.inventory import INVENTORY_VERSION, Cpu, Inventory, Pool
from kilonova_driver.types.settings import DriverSettings

from kilonova_driver_fake.faults import faults_of
from kilonova_driver_fake.inventory_files import read_inventory
from kilonova_driver_fake.misbehaviour import has_orders

VERSION = (1, 0, 0)
#: Guests of paper have whatever layout and devices they are given.
FEATURES = frozenset(feature.value for feature in Feature)
_GUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The driver's own settings, all optional; each is a string in the agent's settings file.

    ``inventory_file`` names a file in the shape of ``kilonova_driver.types.inventory.Inventory``, used instead of the
    three sizes (``inventory_files.py``). ``boot_seconds`` is how long each start takes. ``control_poll_seconds`` is how
    often the control file is looked at while nobody calls. ``witness_dir`` is shared by the hosts of one cloud
    (``witness.py``).
    """

    vcpus: int = 256
    memory_mib: int = 1024 * 1024
    disk_gib: int = 100 * 1024
    boot_seconds: float = 0.0
    inventory_file: str = ""
    control_poll_seconds: float = 0.25
    witness_dir: str = ""


def read_options(settings: DriverSettings) -> Options:
    """Raises InvalidSpec for an unknown option, or one that is no number."""
    try:
        return msgspec.convert(settings.options, Options, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSpec(f"settings of the fake driver: {error}") from error


def make_inventory(options: Options) -> Inventory:
    """Raises InvalidSpec when the inventory file cannot be read, or tells what no host can have."""
    if options.inventory_file:
        return read_inventory(Path(options.inventory_file))
    return Inventory(
        pools=(
            Pool(resource_class="VCPU", total=options.vcpus),
            Pool(resource_class="MEMORY_MB", total=options.memory_mib),
            Pool(resource_class="DISK_GB", total=options.disk_gib),
        ),
        traits=("CUSTOM_FAKE_HOST",),
        cpu=Cpu(model="fake", vendor="fake", features=("fake",), cores=options.vcpus),
        hypervisor_type="fake",
        hypervisor_version=VERSION[0] * 1_000_000 + VERSION[1] * 1_000 + VERSION[2],
        version=INVENTORY_VERSION,
    )


def totals(inventory: Inventory) -> dict[str, int]:
    """What the largest guest could have; processors that are set aside for one guest each count as well."""
    pools = {pool.resource_class: pool.total for pool in inventory.pools}
    if "VCPU" in pools:
        pools["VCPU"] = max(pools["VCPU"], sum(len(node.cpus) for node in inventory.nodes))
    return pools


def check_spec(spec: GuestSpec, totals: dict[str, int]) -> None:
    """Raises InvalidSpec, Unsupported, or NoResources for what could never fit, even on the empty host."""
    names = [disk.name for disk in spec.disks]
    if not _GUEST_ID.fullmatch(spec.guest_id):
        raise InvalidSpec(f"not a guest id: {spec.guest_id!r}")
    if spec.vcpus < 1 or spec.memory_mib < 1:
        raise InvalidSpec(f"a guest needs a processor and memory, not {spec.vcpus} and {spec.memory_mib} MiB")
    if len(set(names)) < len(names) or any(disk.size_gib < 0 or disk.size_mib < 0 for disk in spec.disks):
        raise InvalidSpec(f"two disks of one name, or a negative size: {', '.join(names)}")
    if unknown := sorted(set(spec.required_features) - FEATURES):
        raise Unsupported(f"the fake driver has no feature {', '.join(unknown)}")
    check_layout(spec)
    if has_orders(spec):
        faults_of(spec)
    wished = {"VCPU": spec.vcpus, "MEMORY_MB": spec.memory_mib, "DISK_GB": sum(disk.size_gib for disk in spec.disks)}
    for resource_class, amount in wished.items():
        if amount > totals.get(resource_class, amount):
            raise NoResources(f"{amount} {resource_class} wished, the host has {totals[resource_class]} in all")
