"""The machine that stands for a host: what it is made of, and the QEMU that plays it.

It is read on both sides: outside to build the machine, inside to know what must be found there. The kernel numbers
what QEMU lists, in its order; so processors, nodes and addresses are known before it boots.

    node 0   processors 0-3 (socket 0: two cores of two threads)   3 GiB   256 MiB in pages of 2 MiB
    node 1   processors 4-7 (socket 1: likewise)                   3 GiB   128 MiB in pages of 2 MiB, one of 1 GiB
    node 2   memory without processors, like a CXL expander      512 MiB

    0000:01:00.0, .1   a disk controller of two functions that are one IOMMU group, at no node
    0000:21:00.0       a disk controller at node 0
    0000:41:00.0       a disk controller at node 1, whose virtual functions are 0000:41:00.1 and .2
    0000:42:00.0       a disk controller at node 1; its disk begins with WORDS
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: The processors of each socket; siblings are neighbours.
SOCKETS, CORES, THREADS = 2, 2, 2
#: Ids of QEMU's disk controller.
VENDOR, PRODUCT = "1b36", "0010"
VIRTUAL_FUNCTIONS = 2
WORDS = "these words lie on the disk that was handed over"
_DISK_BYTES = 1 << 20


class Node(NamedTuple):
    """A NUMA node; ``pages``: how many huge pages the kernel is told to set aside, by size in KiB."""

    cores: tuple[tuple[int, ...], ...]
    socket: int
    memory_mib: int
    pages: dict[int, int]


class Controller(NamedTuple):
    """A disk controller; ``node`` -1: at none. ``parent``: the physical function of a virtual one."""

    node: int
    parent: str = ""


NODES = (
    Node(cores=((0, 1), (2, 3)), socket=0, memory_mib=3072, pages={2048: 128}),
    Node(cores=((4, 5), (6, 7)), socket=1, memory_mib=3072, pages={2048: 64, 1048576: 1}),
    Node(cores=(), socket=-1, memory_mib=512, pages={}),
)
PAIR = ("0000:01:00.0", "0000:01:00.1")
NEAR, FAR, PHYSICAL = "0000:21:00.0", "0000:42:00.0", "0000:41:00.0"
VIRTUAL = ("0000:41:00.1", "0000:41:00.2")
CONTROLLERS = {
    PAIR[0]: Controller(-1),
    PAIR[1]: Controller(-1),
    NEAR: Controller(0),
    PHYSICAL: Controller(1),
    **dict.fromkeys(VIRTUAL, Controller(1, PHYSICAL)),
    FAR: Controller(1),
}


def kernel_options() -> str:
    """What the kernel is told: the IOMMU, and the pages to set aside at each node."""
    words = ["console=ttyS0", "quiet", "panic=-1", "intel_iommu=on", "iommu=nopt"]
    words += ["nokaslr"]  # else the kernel may lie where the pages of 1 GiB should be
    words += ["mitigations=off", "cryptomgr.notests"]  # they only cost time here
    for size in sorted({size for node in NODES for size in node.pages}, reverse=True):
        counts = ",".join(f"{number}:{node.pages[size]}" for number, node in enumerate(NODES) if size in node.pages)
        words += [f"hugepagesz={size}K", f"hugepages={counts}"]
    return " ".join(words)


def machine_options(disk: Path) -> Iterator[str]:
    """Everything of QEMU's command line that makes it this machine."""
    yield from ("-machine", "q35", "-device", "intel-iommu,intremap=on")
    # Emulated processors show their threads only as Intel's; pages of 1 GiB are a feature of "max".
    yield from ("-accel", "tcg,thread=multi", "-cpu", "max,vendor=GenuineIntel")
    yield from ("-smp", f"{SOCKETS * CORES * THREADS},sockets={SOCKETS},cores={CORES},threads={THREADS}")
    yield from ("-m", f"size={sum(node.memory_mib for node in NODES)}M")
    yield from _nodes()
    yield from _controllers(disk)


def _nodes() -> Iterator[str]:
    for number, node in enumerate(NODES):
        cpus = "".join(f",cpus={core[0]}-{core[-1]}" for core in node.cores)
        yield from ("-object", f"memory-backend-ram,id=ram{number},size={node.memory_mib}M")
        yield from ("-numa", f"node,nodeid={number},memdev=ram{number}{cpus}")
    for first in range(len(NODES)):
        for second in range(first + 1, len(NODES)):
            yield from ("-numa", f"dist,src={first},dst={second},val={21 if NODES[second].cores else 31}")


def _controllers(disk: Path) -> Iterator[str]:
    """Root ports of the machine itself and of one expander per node, in the order of their addresses."""
    yield from ("-device", "pxb-pcie,id=near,bus=pcie.0,bus_nr=32,numa_node=0")
    yield from ("-device", "pxb-pcie,id=far,bus=pcie.0,bus_nr=64,numa_node=1")
    for number, bus in enumerate(("pcie.0", "near", "far", "far"), start=1):
        yield from ("-device", f"pcie-root-port,id=port{number},bus={bus},chassis={number},slot={number}")
    yield from _controller("pair1", "bus=port1,addr=00.1")
    yield from _controller("pair0", "bus=port1,addr=00.0,multifunction=on")
    yield from _controller("near", "bus=port2")
    yield from ("-device", "nvme-subsys,id=shared")
    # The least that QEMU asks for: two queues for each virtual function, and two for the physical one.
    most = 2 * VIRTUAL_FUNCTIONS
    queues = f"max_ioqpairs={most + 2},msix_qsize={most + 3}"
    limits = f"sriov_max_vfs={VIRTUAL_FUNCTIONS},sriov_vq_flexible={most},sriov_vi_flexible={VIRTUAL_FUNCTIONS}"
    yield from ("-device", f"nvme,serial=physical,subsys=shared,bus=port3,{queues},{limits}")
    yield from ("-blockdev", f"file,node-name=written,filename={disk},read-only=on")
    yield from ("-device", "nvme,serial=far,drive=written,bus=port4")


def _controller(name: str, place: str) -> Iterator[str]:
    yield from ("-blockdev", f"null-co,node-name={name},size={_DISK_BYTES},read-zeroes=on")
    yield from ("-device", f"nvme,serial={name},drive={name},{place}")


def write_disk(path: Path) -> None:
    """The disk of ``FAR``."""
    path.write_bytes(f"{WORDS}\n".encode().ljust(_DISK_BYTES, b"\0"))
