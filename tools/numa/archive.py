"""The system of the machine: one archive that the kernel unpacks into memory, and no disk at all.

It holds a shell (busybox), the kernel's modules that are needed, this checkout's packages with the Python that runs
us, and this machine's QEMU: each file under the path that it has here, so nothing has to be told where it is.
"""

from __future__ import annotations

import compileall
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import BinaryIO

#: Where distributions merged the old directories into /usr: a path may be written in both ways.
_MERGED = ("bin", "sbin", "lib", "lib64")
_DIRECTORIES = ("proc", "sys", "dev", "tmp", "run", "root", "var", "modules", "usr/bin", "usr/sbin", "usr/lib")
#: What QEMU reads when it starts a guest of ours.
_FIRMWARE = re.compile(r"(bios|bios-256k|kvmvapic|linuxboot|linuxboot_dma)\.bin")
_LEFT_OUT = re.compile(r"tests?|idlelib|lib2to3|tkinter|turtledemo|ensurepip|(site|dist)-packages|config-.*")
_NEED = re.compile(r"[A-Za-z0-9_.-]+")


class Archive:
    """A "newc" archive that is being written. Directories above a file come before it, once."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._names: set[str] = set()
        self._merged = {name: f"usr/{name}" for name in _MERGED}
        for name in _DIRECTORIES:
            self.directory(name)
        for name, target in self._merged.items():
            self.directory(target)
            self.link(name, target)
        self.device("dev/console", 5, 1)

    def directory(self, name: str) -> None:
        """It, and those above it."""
        if "/" in name:
            self.directory(name.rpartition("/")[0])
        self._entry(name, stat.S_IFDIR | 0o755, b"")

    def link(self, name: str, target: str) -> None:
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name: str, major: int, minor: int) -> None:
        self._entry(name, stat.S_IFCHR | 0o600, b"", device=(major, minor))

    def file(self, name: str, content: bytes, mode: int = 0o644, mtime: int = 0) -> None:
        name = self._placed(name)
        self.directory(name.rpartition("/")[0])
        self._entry(name, stat.S_IFREG | mode, content, mtime)

    def copy(self, path: Path, name: str = "") -> None:
        """A file of this machine, under its own path or another. Compiled modules ask for the time of their source."""
        status = path.stat()
        mode = 0o755 if status.st_mode & 0o111 else 0o644
        self.file(name or str(path).lstrip("/"), path.read_bytes(), mode, int(status.st_mtime))

    def close(self) -> None:
        self._entry("TRAILER!!!", 0, b"")

    def _placed(self, name: str) -> str:
        first, _, rest = name.partition("/")
        return f"{self._merged[first]}/{rest}" if first in self._merged and rest else name

    def _entry(self, name: str, mode: int, content: bytes, mtime: int = 0, device: tuple[int, int] = (0, 0)) -> None:
        if not name or name in self._names:
            return
        self._names.add(name)
        links = 2 if stat.S_ISDIR(mode) else 1
        number = len(self._names)
        fields = (number, mode, 0, 0, links, mtime, len(content), 0, 0, *device, len(name.encode()) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        for part in (head, content):
            self._out.write(part + b"\0" * (-len(part) % 4))


# --- programs


def add_programs(archive: Archive, paths: Iterable[Path]) -> None:
    """Programs with every library that they load."""
    paths = list(paths)
    for path in paths:
        archive.copy(path.resolve(), str(path).lstrip("/"))
    add_libraries(archive, paths)


def add_libraries(archive: Archive, paths: Iterable[Path]) -> None:
    """What these programs and modules load."""
    for library in sorted({name for path in paths for name in _libraries(path)}):
        archive.copy(Path(library).resolve(), library.lstrip("/"))


def _libraries(path: Path) -> list[str]:
    said = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/\S+) \(0x", said)


def qemu_files() -> Iterator[Path]:
    """QEMU's own accelerator, where it is a module. Looked for where Debian and Fedora have it."""
    for home in ("/usr/lib/x86_64-linux-gnu/qemu", "/usr/lib64/qemu", "/usr/lib/qemu"):
        yield from Path(home).glob("accel-tcg-x86_64.so")


def firmware(qemu: str) -> Iterator[Path]:
    """What QEMU reads when it starts, from all the places where it looks."""
    said = subprocess.run([qemu, "-L", "help"], capture_output=True, text=True, check=True).stdout
    for home in said.split():
        for path in sorted(Path(home).glob("*.bin")):
            if _FIRMWARE.fullmatch(path.name):
                yield Path(os.path.normpath(path))


# --- Python and packages


def add_python(archive: Archive) -> None:
    """The interpreter that runs us, with its library."""
    library = list(_tree(Path(os.__file__).parent))
    add_programs(archive, [Path(sys.executable).resolve(), *(path for path in library if path.suffix == ".so")])
    for path in library:
        archive.copy(path)


def add_packages(archive: Archive, names: Iterable[str], home: str) -> None:
    """Installed distributions with all that they need, editable ones too, below one directory."""
    for name in _with_needs(names):
        found = distribution(name)
        for file in found.files or ():
            path = Path(str(found.locate_file(file)))
            if path.suffix == ".pth":
                _add_sources(archive, Path(path.read_text().strip()), home)
            elif path.is_file() and ".." not in file.parts:
                archive.copy(path, f"{home}/{file}")
                if path.suffix == ".so":
                    add_libraries(archive, [path])


def _add_sources(archive: Archive, sources: Path, home: str) -> None:
    compileall.compile_dir(str(sources), quiet=2)  # inside it would take long
    for path in _tree(sources):
        archive.copy(path, f"{home}/{path.relative_to(sources)}")


def _with_needs(names: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    todo = list(names)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found:
            continue
        try:
            needs = distribution(name).requires or ()
        except PackageNotFoundError:
            continue  # of another platform
        found[name] = None
        todo += [match[0] for need in needs if "extra ==" not in need and (match := _NEED.match(need))]
    return sorted(found)


def _tree(home: Path) -> Iterator[Path]:
    for place, directories, files in os.walk(home):
        directories[:] = sorted(name for name in directories if not _LEFT_OUT.fullmatch(name))
        paths = (Path(place) / name for name in sorted(files) if ".opt-" not in name)
        yield from (path for path in paths if path.is_file() and path.suffix != ".a")
