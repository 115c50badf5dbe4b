"""The host as its operator describes it, with the driver and the agent's resources, but no agent."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from host_machine import PRODUCT, VENDOR
from kilonova_agent.records import Records
from kilonova_agent.resources.resources import Resources
from kilonova_driver.types.settings import DriverSettings
from kilonova_driver_qemu.driver import QemuDriver

#: Who guests run as.
NOBODY = (65534, 65534)
HOST_ID = "6a1ff2a4-8b5d-4b5e-9e2f-0d3b8a8d3c11"
SHARED = (0, 2, 4)
KEPT_PAGES, KEPT_MIB = 16, 600
SAID = f"""
cpu_dedicated_set = "1,3,5-7"
[reserved]
MEMORY_MB = {KEPT_MIB}
DISK_GB = 1
[[reserved_huge_pages]]
node = 1
size_kib = 2048
count = {KEPT_PAGES}
[[pci_devices]]
address = "0000:41:*.*"
resource_class = "disk-part"
[[pci_devices]]
vendor_id = "{VENDOR}"
product_id = "{PRODUCT}"
"""
#: The classes of the devices that are given: whole controllers, and virtual functions.
WHOLE, VIRTUAL_ONE = f"CUSTOM_PCI_{VENDOR}_{PRODUCT}".upper(), "CUSTOM_DISK_PART"
SYS = Path("/sys")
DEVICES = SYS / "bus/pci/devices"


class Host(NamedTuple):
    """``data``: where the agent keeps its things."""

    data: Path
    driver: QemuDriver
    resources: Resources
    records: Records


def make_host(data: Path, said: str = SAID) -> Host:
    """A host with this ``host.toml``. Guests are emulated, and may take long to start."""
    (data / "driver").mkdir(parents=True, exist_ok=True)
    (data / "host.toml").write_text(said)
    options = {"accelerator": "tcg", "start_seconds": "200"}
    settings = DriverSettings(state_dir=str(data / "driver"), host_name="host", run_as=NOBODY, options=options)
    driver, records = QemuDriver(settings), Records(data, durable=False)
    records.load()
    return Host(data, driver, Resources(driver, records, HOST_ID, data), records)


def kernel_pages(number: int, what: str = "nr_hugepages") -> dict[int, int]:
    """How many huge pages the kernel says that a node has, by size in KiB; only sizes of which there are any."""
    homes = (SYS / f"devices/system/node/node{number}/hugepages").glob("hugepages-*kB")
    counts = {int(home.name[10:-2]): int((home / what).read_text()) for home in homes}
    return {size: count for size, count in counts.items() if count}


def node_memory(number: int) -> int:
    """How much memory the kernel says that a node has, in MiB."""
    text = (SYS / f"devices/system/node/node{number}/meminfo").read_text()
    return int(text.split("MemTotal:")[1].split()[0]) // 1024


def driver_of(address: str) -> str:
    """The kernel's driver of a device."""
    return (DEVICES / address / "driver").readlink().name


def group_of(address: str) -> str:
    """The IOMMU group of a device."""
    return (DEVICES / address / "iommu_group").readlink().name
