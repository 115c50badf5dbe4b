#!/usr/bin/env python3
"""Build the tiny guest image: a cloud image of 17 MB that is ready within seconds, also under emulation.

    python3 tools/guest/build.py OUTDIR [--size-mib 48] [--cache DIR]

Writes ``tiny.qcow2`` and ``tiny.raw`` (BIOS boot, GRUB, one ext4 partition), and ``tiny-vmlinuz`` with ``tiny-initrd``
for a direct kernel boot; all of them read-only. Prints their SHA-256.

It is put together from Debian's own binary packages and the scripts in ``files/``: a kernel, a static busybox, the
dropbear ssh server, resize2fs. No root, no loop device, no fakeroot: the file system is filled by debugfs, which
writes owners and times as told. The same packages give the same image, bit by bit: everything is sorted, and every
time is ``EPOCH``. Packages come by ``apt-get download`` and are kept in the cache.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

EPOCH = 1_700_000_000
FILES = Path(__file__).resolve().parent / "files"
KERNEL_METAPACKAGE = "linux-image-cloud-amd64"
PACKAGES = (
    *("busybox-static", "dropbear-bin", "libtomcrypt1", "libtommath1", "libgmp10", "zlib1g", "libcrypt1", "libc6"),
    *("e2fsprogs", "libext2fs2", "libcom-err2", "libblkid1", "libuuid1", "grub-pc-bin", "grub-common"),
)
#: Program on this machine -> the Debian package that brings it.
TOOLS = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "zstd": "zstd",
    "strip": "binutils",
    "objdump": "binutils",
    "qemu-img": "qemu-utils",
}
MODULES = (
    *("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_net", "virtio_scsi", "virtio_balloon", "virtio_rng"),
    *("virtio_console", "sd_mod", "sr_mod", "ata_piix", "ahci", "isofs", "vfat", "nls_cp437", "nls_ascii"),
    *("nls_iso8859-1", "button", "evdev"),
)
INIT_COMMANDS = "sh mount umount mkdir cat insmod findfs blkid grep sleep usleep dd printf blockdev switch_root ls"
PROGRAMS = ("usr/sbin/dropbear", "usr/bin/dropbearkey", "usr/bin/dbclient", "sbin/resize2fs")
DIRECTORIES = (
    *("bin", "sbin", "usr/bin", "usr/sbin", "etc/dropbear", "etc/acpi/PWRF", "proc", "sys", "dev", "run", "tmp"),
    *("root", "home/tiny", "var/lib/tiny", "var/log", "mnt", "boot", "lib", "lib64"),
)
EXECUTABLE = ("etc/init.d/", "etc/acpi/", "usr/lib/tiny/")
OWNERS = {"/home/tiny": 1000}
LABEL = "tinyroot"
FILE_SYSTEM_UUID = "7a1c0000-0000-4000-8000-000000000001"
DISK_ID = 0x54494E59
#: The first sector of the partition; GRUB's core lies in the gap before it.
PARTITION_START = 2048
SECTOR = 512
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "linux", "boot")
GRUB_CONFIG = f"""set root=(hd0,msdos1)
linux /boot/vmlinuz root=LABEL={LABEL} console=tty0 console=ttyS0,115200 quiet loglevel=4 panic=5
initrd /boot/initrd
boot
"""
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
    "LC_ALL": "C",
    "TZ": "UTC",
    "SOURCE_DATE_EPOCH": str(EPOCH),
    "E2FSPROGS_FAKE_TIME": str(EPOCH),
}


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a program to its end and give what it printed; end the build with its complaint if it fails."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{Path(command[0]).name} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def check_tools() -> None:
    missing = {tool: package for tool, package in TOOLS.items() if not shutil.which(tool, path=ENVIRONMENT["PATH"])}
    if missing:
        sys.exit(
            f"missing programs: {', '.join(sorted(missing))}\n"
            f"install them with: apt install {' '.join(sorted(set(missing.values())))}"
        )


# --- packages ---------------------------------------------------------------------------------------------------------


def kernel_package() -> str:
    """Find the package that the metapackage of the cloud kernel stands for."""
    found = re.search(r"Depends: (linux-image-\S+)", run("apt-cache", "depends", KERNEL_METAPACKAGE))
    if not found:
        sys.exit(f"apt does not know {KERNEL_METAPACKAGE}; run: apt-get update")
    return found.group(1)


def fetch_package(name: str, cache: Path) -> Path:
    """Give the newest cached file of a package, downloading it if there is none."""
    if not list(cache.glob(f"{name}_*.deb")):
        run("apt-get", "download", "-q", name, cwd=cache)
    return max(cache.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)


def unpack_packages(cache: Path, work: Path) -> tuple[Path, Path]:
    """Unpack all packages; give the trees of the kernel and of the rest."""
    cache.mkdir(parents=True, exist_ok=True)
    kernel, rest = work / "kernel", work / "packages"
    run("dpkg-deb", "-x", fetch_package(kernel_package(), cache), kernel)
    for name in PACKAGES:
        run("dpkg-deb", "-x", fetch_package(name, cache), rest)
    return kernel, rest


# --- initial ramdisk --------------------------------------------------------------------------------------------------


def module_files(kernel: Path) -> dict[str, Path]:
    return {path.stem.replace("-", "_"): path for path in sorted((kernel / "lib/modules").rglob("*.ko"))}


def needed_modules(path: Path) -> Iterator[str]:
    """Read from a module what must be loaded before it."""
    data = b"\0" + path.read_bytes()
    for key in (b"depends=", b"softdep=pre: "):
        for found in re.finditer(rb"\0" + re.escape(key) + rb"([^\0]*)\0", data):
            words = re.split(r"[ ,]+", found.group(1).decode())
            yield from (word for word in words if word and not word.endswith(":"))


def load_order(wanted: Iterable[str], files: dict[str, Path]) -> list[str]:
    """Order modules so that each comes after those it needs; one that is built into the kernel is left out."""
    order: dict[str, None] = {}
    seen: set[str] = set()

    def add(name: str) -> None:
        name = name.replace("-", "_")
        if name in seen or name not in files:
            return
        seen.add(name)
        for need in needed_modules(files[name]):
            add(need)
        order[name] = None

    for name in wanted:
        add(name)
    return list(order)


def make_initrd(kernel: Path, packages: Path, work: Path, out: Path) -> None:
    tree, files = work / "initrd", module_files(kernel)
    for name in ("bin", "proc", "sys", "new", "mod"):
        (tree / name).mkdir(parents=True)
    shutil.copyfile(busybox(packages), tree / "bin/busybox")
    (tree / "bin/busybox").chmod(0o755)
    for command in INIT_COMMANDS.split():
        (tree / "bin" / command).symlink_to("busybox")
    shutil.copyfile(FILES / "init", tree / "init")
    (tree / "init").chmod(0o755)
    order = load_order(MODULES, files)
    for name in order:
        shutil.copyfile(files[name], tree / "mod" / f"{name}.ko")
    # This also drops the modules' signatures, which the kernel asks for only under Secure Boot.
    run("strip", "--strip-debug", *sorted((tree / "mod").iterdir()))
    (tree / "modules").write_text("".join(f"{name}.ko\n" for name in order))
    archive = work / "initrd.cpio"
    archive.write_bytes(cpio(tree))
    run("zstd", "-q", "-f", "-19", archive, "-o", out)


def cpio(tree: Path) -> bytes:
    """Pack a tree as a "newc" archive: sorted, all owned by root, and the two device nodes that the kernel wants."""
    entries: list[tuple[str, int, bytes, tuple[int, int]]] = [
        ("dev", stat.S_IFDIR | 0o755, b"", (0, 0)),
        ("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1)),
        ("dev/null", stat.S_IFCHR | 0o666, b"", (1, 3)),
    ]
    for path in sorted(tree.rglob("*")):
        entries.append((str(path.relative_to(tree)), *cpio_content(path), (0, 0)))
    packed = [cpio_entry(number, *entry) for number, entry in enumerate(entries, start=1)]
    return b"".join([*packed, cpio_entry(0, "TRAILER!!!", 0, b"", (0, 0))])


def cpio_content(path: Path) -> tuple[int, bytes]:
    if path.is_symlink():
        return stat.S_IFLNK | 0o777, str(path.readlink()).encode()
    if path.is_dir():
        return stat.S_IFDIR | 0o755, b""
    return stat.S_IFREG | (0o755 if path.stat().st_mode & 0o100 else 0o644), path.read_bytes()


def cpio_entry(number: int, name: str, mode: int, data: bytes, device: tuple[int, int]) -> bytes:
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, EPOCH, len(data), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return padded(head) + padded(data)


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


# --- root file system -------------------------------------------------------------------------------------------------


def busybox(packages: Path) -> Path:
    return next(path for path in (packages / "bin/busybox", packages / "usr/bin/busybox") if path.exists())


def install_busybox(root: Path, packages: Path) -> None:
    source = busybox(packages)
    shutil.copyfile(source, root / "bin/busybox")
    (root / "bin/busybox").chmod(0o755)
    for applet in run(source, "--list-full").split():
        link = root / applet
        if applet != "bin/busybox":
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to("/bin/busybox")


def libraries_of(path: Path) -> list[str]:
    return re.findall(r"^\s*NEEDED\s+(\S+)$", run("objdump", "-p", path), re.MULTILINE)


def install_programs(root: Path, packages: Path) -> None:
    """Copy the programs that busybox has not, and every library they need."""
    todo: list[str] = []
    for program in PROGRAMS:
        target = root / program
        target.unlink(missing_ok=True)
        shutil.copyfile(packages / program, target)
        target.chmod(0o755)
        todo += libraries_of(target)
    done: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in done:
            done.add(name)
            todo += libraries_of(install_library(name, root, packages))
    binaries = [root / program for program in PROGRAMS] + sorted((root / "lib").glob("*.so*"))
    run("strip", "--strip-unneeded", *binaries)


def install_library(name: str, root: Path, packages: Path) -> Path:
    found = sorted(path for base in ("lib", "usr/lib") for path in (packages / base).rglob(name))
    if not found:
        sys.exit(f"no package brings the library {name}")
    target = root / ("lib64" if name.startswith("ld-linux") else "lib") / name
    shutil.copyfile(found[0], target)
    target.chmod(0o755)
    return target


def copy_files(root: Path) -> None:
    """Copy the image's own scripts and settings; their modes are decided here, not by the checkout."""
    for source in sorted(path for path in (FILES / "root").rglob("*") if path.is_file()):
        name = str(source.relative_to(FILES / "root"))
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if name.startswith(EXECUTABLE) else 0o600 if name == "etc/shadow" else 0o644)


def make_root(packages: Path, work: Path, out: Path) -> Path:
    root = work / "root"
    for name in DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    install_busybox(root, packages)
    copy_files(root)
    install_programs(root, packages)
    (root / "usr/bin/ssh").unlink(missing_ok=True)
    (root / "usr/bin/ssh").symlink_to("dbclient")
    shutil.copyfile(out / "tiny-vmlinuz", root / "boot/vmlinuz")
    shutil.copyfile(out / "tiny-initrd", root / "boot/initrd")
    (root / "tmp").chmod(0o1777)
    (root / "root").chmod(0o700)
    return root


def owner(name: str) -> int:
    return next((user for path, user in OWNERS.items() if name == path or name.startswith(f"{path}/")), 0)


def debugfs_commands(root: Path) -> Iterator[str]:
    """Write the debugfs commands that copy a tree, and then set the owner, mode and times of everything."""
    paths = sorted(root.rglob("*"))
    for path in paths:
        name = f"/{path.relative_to(root)}"
        if path.is_symlink():
            yield f'symlink "{name}" "{path.readlink()}"'
        elif path.is_dir():
            yield f'mkdir "{name}"'
        else:
            yield from (f'cd "{Path(name).parent}"', f'write "{path}" "{path.name}"', "cd /")
    for path in paths:
        yield from inode_commands(f"/{path.relative_to(root)}", path.lstat().st_mode)
    yield from inode_commands("/", stat.S_IFDIR | 0o755)
    yield from inode_commands("/lost+found", stat.S_IFDIR | 0o700)


def inode_commands(name: str, mode: int) -> Iterator[str]:
    yield f'set_inode_field "{name}" mode 0{mode:o}'
    if user := owner(name):
        yield f'set_inode_field "{name}" uid {user}'
        yield f'set_inode_field "{name}" gid {user}'
    for field in ("atime", "mtime", "ctime", "crtime"):
        yield f'set_inode_field "{name}" {field} @{EPOCH}'


def make_file_system(root: Path, work: Path, size_mib: int) -> Path:
    image, script = work / "root.ext4", work / "debugfs.commands"
    with image.open("wb") as file:
        file.truncate(size_mib << 20)
    # Room for the descriptors of a disk of 16 GiB: resize2fs can grow the mounted file system that far and beyond.
    options = f"hash_seed={FILE_SYSTEM_UUID},lazy_itable_init=0,resize=16777216"
    layout = ("-O", "^metadata_csum", "-J", "size=2", "-m", "0", "-b", "1024", "-I", "256", "-N", "2048")
    run("mke2fs", "-q", "-t", "ext4", "-L", LABEL, "-U", FILE_SYSTEM_UUID, "-E", options, *layout, image)
    script.write_text("".join(f"{line}\n" for line in debugfs_commands(root)))
    # debugfs echoes each command and ends well even if one of them failed: what else it says is a complaint.
    done = subprocess.run(
        ["debugfs", "-w", "-f", str(script), str(image)], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    complaints = [line for line in said if not re.match(r"debugfs( 1|:)|Allocated inode", line)]
    if complaints or done.returncode:
        sys.exit(f"debugfs failed: {' | '.join(complaints[:5])}")
    run("e2fsck", "-fn", image)
    return image


# --- disk -------------------------------------------------------------------------------------------------------------


def make_boot_loader(packages: Path, work: Path) -> tuple[bytearray, bytearray]:
    """Give GRUB's first sector and its core, which holds the whole configuration."""
    modules, config, core = packages / "usr/lib/grub/i386-pc", work / "grub.cfg", work / "core.img"
    config.write_text(GRUB_CONFIG)
    place = ("-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-c", config, "-o", core)
    run(packages / "usr/bin/grub-mkimage", "-d", modules, *place, *GRUB_MODULES)
    return bytearray((modules / "boot.img").read_bytes()), bytearray(core.read_bytes())


def link_boot_loader(boot: bytearray, core: bytearray, partition_sectors: int) -> None:
    """Patch in place what grub-install would: where the core lies, which drive, and the partition table."""
    sectors = -(-len(core) // SECTOR)
    if len(boot) != SECTOR or sectors >= PARTITION_START - 1:
        sys.exit(f"GRUB does not fit: a first sector of {len(boot)} bytes, a core of {sectors} sectors")
    struct.pack_into("<Q", boot, 0x5C, 1)  # the core begins at sector 1
    boot[0x64] = 0xFF  # boot from the drive that the BIOS names
    boot[0x66:0x68] = b"\x90\x90"  # and do not doubt it
    struct.pack_into("<QHH", core, SECTOR - 12, 2, sectors - 1, 0x820)  # the rest of the core, loaded at 0x8200
    struct.pack_into("<I", boot, 0x1B8, DISK_ID)
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION_START, partition_sectors)
    boot[446:512] = entry + bytes(48) + b"\x55\xaa"


def make_disk(boot: bytearray, core: bytearray, file_system: Path, out: Path) -> None:
    """Put the boot loader and the partition together; what is zero stays a hole."""
    out.unlink(missing_ok=True)
    link_boot_loader(boot, core, file_system.stat().st_size // SECTOR)
    with out.open("wb") as disk, file_system.open("rb") as source:
        disk.write(boot + core)
        disk.seek(PARTITION_START * SECTOR)
        while block := source.read(1 << 16):
            if block.count(0) == len(block):
                disk.seek(len(block), os.SEEK_CUR)
            else:
                disk.write(block)
        disk.truncate()


# --- all of it --------------------------------------------------------------------------------------------------------

RESULTS = ("tiny.qcow2", "tiny.raw", "tiny-vmlinuz", "tiny-initrd")


def build(work: Path, cache: Path, size_mib: int) -> Path:
    """Build everything below ``work`` and give the directory with the results."""
    out = work / "out"
    out.mkdir()
    kernel, packages = unpack_packages(cache, work)
    shutil.copyfile(next((kernel / "boot").glob("vmlinuz-*")), out / "tiny-vmlinuz")
    make_initrd(kernel, packages, work, out / "tiny-initrd")
    file_system = make_file_system(make_root(packages, work, out), work, size_mib - 1)
    make_disk(*make_boot_loader(packages, work), file_system, out / "tiny.raw")
    run(
        "qemu-img",
        "convert",
        "-f",
        "raw",
        "-O",
        "qcow2",
        "-o",
        "compat=1.1",
        "-c",
        out / "tiny.raw",
        out / "tiny.qcow2",
    )
    return out


def publish(made: Path, target: Path) -> None:
    """Move the results into place, each at once and read-only: a disk may already lie over an older one."""
    for name in RESULTS:
        (made / name).chmod(0o444)
        (made / name).replace(target / name)
        print(f"{hashlib.sha256((target / name).read_bytes()).hexdigest()}  {target / name}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the tiny guest image.")
    parser.add_argument("outdir", type=Path, metavar="OUTDIR")
    parser.add_argument("--size-mib", type=int, default=48, help="size of the disk (default 48)")
    parser.add_argument("--cache", type=Path, help="where Debian packages are kept (default OUTDIR/debs)")
    arguments = parser.parse_args()
    check_tools()
    os.umask(0o022)
    target = arguments.outdir.resolve()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target) as name:
        publish(build(Path(name), (arguments.cache or target / "debs").resolve(), arguments.size_mib), target)


if __name__ == "__main__":
    main()
