"""Start the process of a guest: open its files, lock it, spawn it, and wait until its monitor answers.

Everything that the process may touch is opened here, with the driver's rights, and inherited; see ``command_line``.
A process that dies at start is explained by what it wrote to ``qemu.log`` since it was spawned.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from kilonova_driver.errors import Conflict, DriverError, Internal, InvalidSpec, NoResources, Transient
from kilonova_driver.types.guests import Disk, GuestSpec

from kilonova_driver_qemu import open_taps
from kilonova_driver_qemu.command_line import Descriptors, DiskDescriptors, Host, command_line
from kilonova_driver_qemu.failures import explain, tail
from kilonova_driver_qemu.handing import BUS
from kilonova_driver_qemu.layout import GuestFiles
from kilonova_driver_qemu.monitor import Monitor, listen
from kilonova_driver_qemu.options import find_program
from kilonova_driver_qemu.pinning import pin
from kilonova_driver_qemu.process import Identity, Watch, describe_status, identify, spawn, take_lock

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class OpenFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptors QEMU is told of, and two more: its own log, and the lock it holds without knowing."""

    told: Descriptors
    complaints: int
    lock: int


def _open(stack: contextlib.ExitStack, path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        kind = NoResources if error.errno in (23, 24, 28) else Internal
        raise kind(f"{path} cannot be opened: {error.strerror}") from error
    stack.callback(os.close, descriptor)
    return descriptor


def _open_disk(stack: contextlib.ExitStack, files: GuestFiles, disk: Disk) -> DiskDescriptors:
    base = None if disk.base is None else _open(stack, Path(disk.base.path), os.O_RDONLY)
    return DiskDescriptors(overlay=_open(stack, files.disk(disk.name), os.O_RDWR | os.O_NOFOLLOW), base=base)


def _listen(stack: contextlib.ExitStack, path: Path) -> int:
    return stack.enter_context(listen(path)).fileno()


def open_files(stack: contextlib.ExitStack, spec: GuestSpec, files: GuestFiles) -> OpenFiles:
    """Open all that the guest needs; ``stack`` closes our copies. Raises Conflict while another process lives."""
    lock = take_lock(files.lock)
    if lock is None:
        raise Conflict(f"guest {spec.guest_id} already has a process")
    stack.callback(os.close, lock)
    kernel = spec.kernel
    told = Descriptors(
        monitor=_listen(stack, files.monitor),
        operator=_listen(stack, files.operator),
        serial=_listen(stack, files.serial),
        console=_open(stack, files.console, _APPEND | os.O_NOFOLLOW),
        disks=tuple(_open_disk(stack, files, disk) for disk in spec.disks),
        config_drive=_open(stack, Path(spec.config_drive.path), os.O_RDONLY) if spec.config_drive else None,
        kernel=_open(stack, Path(kernel.kernel_path), os.O_RDONLY) if kernel else None,
        ramdisk=_open(stack, Path(kernel.ramdisk_path), os.O_RDONLY) if kernel and kernel.ramdisk_path else None,
    )
    complaints = _open(stack, files.complaints, _APPEND | os.O_NOFOLLOW)
    opened = OpenFiles(told=told, complaints=complaints, lock=lock)
    free = max(complaints, *inherited(opened)) + 1
    taps = tuple(range(free, free + len(spec.nics)))
    return msgspec.structs.replace(opened, told=msgspec.structs.replace(told, taps=taps))


def inherited(files: OpenFiles) -> list[int]:
    """List every descriptor that the process shall have."""
    told = files.told
    disks = [number for disk in told.disks for number in (disk.overlay, disk.base)]
    some = [
        told.monitor,
        told.operator,
        told.serial,
        told.console,
        *disks,
        told.config_drive,
        told.kernel,
        told.ramdisk,
    ]
    return [files.lock, *(number for number in some if number is not None)]


def resolved(launcher: tuple[str, ...]) -> tuple[str, ...]:
    """Give the launcher with the absolute path of its program. Raises Internal without it."""
    return (_program(launcher[0]), *launcher[1:]) if launcher else ()


def tap_opener() -> tuple[str, ...]:
    """Give the program that opens taps; isolated and without site packages it starts in some milliseconds."""
    return (sys.executable, "-I", "-S", open_taps.__file__)


def rights_dropper(run_as: tuple[int, int] | None, groups: tuple[int, ...]) -> tuple[str, ...]:
    """Give the program that drops all rights, where a user is given. Raises Internal without it."""
    if run_as is None:
        return ()
    keep = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    drop = (f"--reuid={run_as[0]}", f"--regid={run_as[1]}", keep, "--inh-caps=-all", "--bounding-set=-all")
    return (_program("setpriv"), *drop, "--no-new-privs", "--")


def memory_locker() -> tuple[str, ...]:
    """Give the program that lifts the bound on locked memory. Raises Internal without it."""
    return (_program("prlimit"), "--memlock=unlimited:unlimited")


def _program(name: str) -> str:
    path = find_program(name)
    if path is None:
        raise Internal(f"{name} is not installed")
    return path


async def launch(
    spec: GuestSpec, files: GuestFiles, host: Host, seconds: float, remember: Callable[[Identity], None]
) -> tuple[Watch, Monitor]:
    """Start the guest; ``remember`` is called as soon as there is a process. Raises any DriverError but Unsupported."""
    said = files.complaints.stat().st_size if files.complaints.exists() else 0
    try:
        if spec.devices:
            await asyncio.to_thread(BUS.prepare, spec.devices, host.run_as)
        pid = _spawned(spec, files, host)
    except DriverError:
        BUS.release(spec.devices)
        raise
    identity = identify(pid)
    if identity is not None:
        remember(identity)
    watch = Watch(identity or Identity(pid=pid, start_ticks=0, boot_id=""))
    try:
        # Only the process holds the listening socket now, so this ends at once when the process does.
        monitor = await Monitor.connect(files.monitor, seconds)
    except DriverError as error:
        BUS.release(spec.devices)
        failure = await _explain(watch, files, said, error)
        raise failure from error
    try:
        await pin(monitor, watch.identity.pid, spec.layout)
    except DriverError:
        # A guest that runs where others have been promised to be alone does not run at all.
        await monitor.close()
        watch.send(signal.SIGKILL)
        await watch.wait(5.0)
        BUS.release(spec.devices)
        raise
    return watch, monitor


def _spawned(spec: GuestSpec, files: GuestFiles, host: Host) -> int:
    """The pid of the new process, which has all that it may touch. Raises Conflict, NoResources, Internal."""
    with contextlib.ExitStack() as stack:
        try:
            opened = open_files(stack, spec, files)
        except OSError as error:
            kind = NoResources if error.errno in (23, 24, 28) else Internal
            raise kind(f"cannot prepare guest {spec.guest_id}: {error}") from error
        command = command_line(spec, host, opened.told)
        return spawn(command, complaints=opened.complaints, inherited=inherited(opened))


async def _explain(watch: Watch, files: GuestFiles, said: int, error: DriverError) -> DriverError:
    # A process that hangs up is about to end by itself; only one that never answered has to be ended.
    if not await watch.wait(2.0):
        watch.send(signal.SIGKILL)
        await watch.wait(5.0)
        return Transient(f"QEMU did not start: {error.message}; {tail(files.complaints, said).strip()}".rstrip("; "))
    complaint = tail(files.complaints, said)
    how = describe_status(watch.status)
    failure = explain(complaint, "QEMU did not start")
    if not complaint.strip():
        failure = Internal(f"QEMU did not start and said nothing: {how}")
    return failure


def check_readable(spec: GuestSpec) -> None:
    """Refuse a spec whose files are not there. Raises InvalidSpec."""
    kernel = spec.kernel
    paths = [spec.config_drive.path] if spec.config_drive else []
    paths += [path for path in (kernel.kernel_path, kernel.ramdisk_path) if path] if kernel else []
    for path in paths:
        if not Path(path).is_file():
            raise InvalidSpec(f"{path} is not a file")
