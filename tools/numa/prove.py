"""Prove the tree of a host with NUMA nodes, huge pages and PCI devices: on a real kernel, in an emulated machine.

    python tools/numa/prove.py [tree] [guests]

Boots Debian's kernel in QEMU on a machine of two processors' sockets, three nodes, huge pages of two sizes, an IOMMU
and disk controllers that can be handed to guests (``host_machine.py``); runs this checkout's agent and driver there,
and prints what was wanted and what was found. ``tree``: what the host reports. ``guests``: real guests, emulated once
more, have the processors, nodes, pages and devices they were given. Without either: both. Exit status 1 when anything
differs, or when the machine did not come to its end.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "guest"))

import archive as archives
import build
import host_machine
from kilonova_driver_qemu.options import find_program

_HERE = Path(__file__).resolve().parent
_MODULES = ("vfio_iommu_type1", "vfio_pci", "tun", "br_netfilter")
_ROOMS = ("tree", "guests")
_SECONDS = {"tree": 240, "guests": 1500}
_PROGRAMS = ("qemu-system-x86_64", "qemu-img", "prlimit", "setpriv")


class Row(NamedTuple):
    """One thing that was looked at."""

    room: str
    what: str
    wanted: str
    found: str

    @property
    def ok(self) -> bool:
        return self.wanted == self.found


# --- putting the machine's system together


def make_system(out: Path, cache: Path, rooms: list[str]) -> Path:
    """Write the archive that the kernel unpacks; gives the kernel."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, out.open("wb") as file:
        work = Path(name)
        build.run("dpkg-deb", "-x", _kernel_package(cache), work / "kernel")
        build.run("dpkg-deb", "-x", build.fetch_package("busybox-static", cache), work / "packages")
        system = archives.Archive(file)
        _add_base(system, work)
        _add_checks(system, rooms)
        image = next((work / "kernel/boot").glob("vmlinuz-*"))
        system.copy(image, "guest/kernel")
        system.file("guest/system.cpio", _guest_system(build.busybox(work / "packages")))
        system.close()
        return Path(shutil.copy(image, out.with_name("kernel")))


def _kernel_package(cache: Path) -> Path:
    """One that is there, so that nothing is asked of the network; else the newest."""
    there = sorted(cache.glob("linux-image-*-cloud-amd64_*.deb"))
    return there[-1] if there else build.fetch_package(build.kernel_package(), cache)


def _guest_system(busybox: Path) -> bytes:
    """The system of a guest inside: a shell that says what it sees."""
    out = io.BytesIO()
    system = archives.Archive(out)
    system.copy(busybox, "usr/bin/busybox")
    system.file("init", (_HERE / "inside/guest_init").read_bytes(), 0o755)
    system.close()
    return out.getvalue()


def _add_base(system: archives.Archive, work: Path) -> None:
    system.copy(build.busybox(work / "packages"), "usr/bin/busybox")
    system.file("init", (_HERE / "inside/init").read_bytes(), 0o755)
    files = build.module_files(work / "kernel")
    order = build.load_order(_MODULES, files)
    for name in order:
        system.copy(files[name], f"modules/{name}.ko")
    system.file("modules/order", "".join(f"{name}.ko\n" for name in order).encode())
    programs = [Path(found) for name in _PROGRAMS if (found := find_program(name))]
    archives.add_programs(system, [*programs, *archives.qemu_files()])
    for path in archives.firmware(str(programs[0])):
        system.copy(path)
    system.file("etc/passwd", b"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    system.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    archives.add_python(system)


def _add_checks(system: archives.Archive, rooms: list[str]) -> None:
    archives.add_packages(system, ("kilonova-agent", "kilonova-driver-qemu"), "packages")
    for path in (*sorted((_HERE / "inside").glob("*.py")), _HERE / "host_machine.py"):
        system.copy(path, f"checks/{path.name}")
    words = f"PYTHON={Path(sys.executable).resolve()} ROOMS={','.join(rooms)}\n"
    system.file("checks/environment", words.encode())


# --- running it


def run_machine(kernel: Path, system: Path, work: Path, seconds: float) -> tuple[list[Row], str]:
    """Boot it and wait for its end; what the checks found, and what the machine said."""
    report, console, disk = work / "report", work / "console", work / "disk"
    host_machine.write_disk(disk)
    command = [find_program("qemu-system-x86_64") or "qemu-system-x86_64", "-nodefaults", "-no-user-config"]
    command += ["-display", "none", "-no-reboot", *host_machine.machine_options(disk)]
    command += ["-serial", f"file:{console}", "-serial", f"file:{report}"]
    command += ["-kernel", str(kernel), "-initrd", str(system), "-append", host_machine.kernel_options()]
    trouble = ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        trouble = done.stderr.strip()
    except subprocess.TimeoutExpired:
        trouble = f"the machine had not ended after {seconds:g} seconds"
    said = console.read_text(errors="replace") if console.exists() else ""
    return _read(report), f"{said}\n{trouble}"


def _read(report: Path) -> list[Row]:
    lines = report.read_text(errors="replace").splitlines() if report.exists() else []
    said = [json.loads(line) for line in lines if line.endswith("]")]
    rows = [Row(*one) for one in said if len(one) == len(Row._fields)]
    count = next((one[0] for one in said if len(one) == 1), None)
    return [
        *rows,
        Row("all", "the machine came to its end, and nothing of what it said is lost", str(len(rows)), str(count)),
    ]


def print_table(rows: list[Row]) -> None:
    width = max(len(row.what) for row in rows)
    room = ""
    for row in rows:
        if row.room != room:
            room = row.room
            print(f"\n{room}")
        print(f"  {'ok  ' if row.ok else 'FAIL'}  {row.what:<{width}}  {row.found}")
        if not row.ok:
            print(f"        {'':<{width}}  wanted: {row.wanted}")
    failed = sum(not row.ok for row in rows)
    print(f"\n{len(rows)} things looked at, {failed} are not as wanted")


def default_cache() -> Path:
    """Where the tiny guest's packages are, which have all that is needed; else a directory of our own."""
    image = os.environ.get("KILONOVA_GUEST_IMAGE")
    return Path(image).parent / "debs" if image else Path.home() / ".cache/kilonova/debs"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rooms", nargs="*", choices=[*_ROOMS, []], help="what to look at (default: all)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where Debian packages are kept")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    parser.add_argument("--console", action="store_true", help="show what the machine said")
    arguments = parser.parse_args()
    rooms = arguments.rooms or list(_ROOMS)
    if missing := [name for name in _PROGRAMS if not find_program(name)]:
        sys.exit(f"not installed: {', '.join(missing)}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kilonova-numa-") as name:
        work = Path(name)
        kernel = make_system(work / "system.cpio", arguments.cache, rooms)
        print(f"system of {(work / 'system.cpio').stat().st_size >> 20} MiB after {time.monotonic() - began:.0f} s")
        rows, said = run_machine(kernel, work / "system.cpio", work, sum(_SECONDS[room] for room in rooms))
    failed = any(not row.ok for row in rows)
    if failed or arguments.console:
        print(said)
    print_table(rows)
    print(f"{time.monotonic() - began:.0f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps([[*row, row.ok] for row in rows], indent=1))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
