"""The same guest without us: the very command line of a running QEMU, with fresh files, started by hand.

What is not the same: the network is QEMU's own (``-netdev user``, which has a DHCP server) in the place of the tap, and
nothing is prepared between the start and the guest: its disk and its config drive are there before.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from measured_cloud import cpu_seconds

READY = re.compile(r"tiny: ready at ([\d.]+)")
_NAMED = re.compile(r"fd=(\d+),set=\d+,opaque=(.*)")
_SOCKET = re.compile(r"socket,id=\w+,fd=(\d+),server=on")
_TAP = re.compile(r"tap,(id=\w+),fd=\d+.*")
_LOOK_AGAIN_SECONDS = 0.01
_OUT_OF_THE_WAY = 200


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A QEMU that ran: what it was told, and which of its descriptors was what."""

    command: tuple[str, ...]
    overlay: int
    overlay_bytes: int
    base: Path
    console: int
    #: Descriptors that only read: the base image, a config drive. Theirs -> ours.
    readings: Mapping[int, int]
    sockets: Sequence[int]


def model_of(pid: int) -> Model:
    """Look at a running guest. Its disk is named ``root``, as the driver names what the descriptors are."""
    words = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    named = {match[2]: int(match[1]) for word in words if (match := _NAMED.fullmatch(word))}
    # QEMU has moved its descriptors since; what they were is told by the files that it has open.
    opened = {path.name: path for entry in Path(f"/proc/{pid}/fd").iterdir() if (path := entry.readlink()).is_file()}
    disk = json.loads(_qemu_img("info", "--force-share", "--output=json", str(opened["root.qcow2"])))
    base = Path(disk["full-backing-filename"].removeprefix("file:"))
    readings = {named["root-base-file"]: base}
    if drive := next((path for path in opened.values() if path.parent.name == "config-drives"), None):
        readings[named["config-drive-file"]] = drive
    return Model(
        command=tuple(_TAP.sub(r"user,\1", word) for word in words),
        overlay=named["root-file"],
        overlay_bytes=disk["virtual-size"],
        base=base,
        console=named["console"],
        readings={number: os.open(path, os.O_RDONLY) for number, path in readings.items()},
        sockets=[int(match[1]) for word in words if (match := _SOCKET.match(word))],
    )


def _qemu_img(*arguments: str) -> str:
    return subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, check=True).stdout


class Bare(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from the start of the process to its ready line; then the guest's own clock, and what QEMU has used."""

    ready: float
    own: float
    cpu: float


def boot(model: Model, folder: Path, patience: float) -> Bare:
    """Start the guest, wait until it is ready, and end it. Raises TimeoutError."""
    console = folder / "bare.log"
    console.unlink(missing_ok=True)
    with _files(model, folder, console) as files:
        actions = [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in files.items()]
        began = time.monotonic()
        pid = os.posix_spawn(
            model.command[0], list(model.command), {"PATH": os.defpath}, file_actions=actions, setsid=True
        )
    try:
        while not (said := READY.search(console.read_text(errors="replace"))):
            if time.monotonic() > began + patience or os.waitpid(pid, os.WNOHANG)[0]:
                raise TimeoutError(f"the bare guest never became ready: {console.read_text(errors='replace')[-500:]}")
            time.sleep(_LOOK_AGAIN_SECONDS)
        return Bare(ready=time.monotonic() - began, own=float(said[1]), cpu=cpu_seconds(pid))
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextlib.contextmanager
def _files(model: Model, folder: Path, console: Path) -> Iterator[dict[int, int]]:
    """Fresh files for a new process, each under a number that is no one's target."""
    disk = folder / "bare.qcow2"
    backing = ("-b", f"file:{model.base}", "-F", "qcow2")
    _qemu_img("create", "-q", "-f", "qcow2", *backing, str(disk), str(model.overlay_bytes))
    with contextlib.ExitStack() as stack:
        opened = {
            model.overlay: os.open(disk, os.O_RDWR),
            model.console: os.open(console, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
            **{theirs: os.dup(ours) for theirs, ours in model.readings.items()},
        }
        for number in model.sockets:
            path = folder / f"bare-{number}.sock"
            path.unlink(missing_ok=True)
            ear = socket.socket(socket.AF_UNIX)
            ear.bind(str(path))
            ear.listen(1)
            opened[number] = ear.detach()
        moved = {theirs: fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY) for theirs, ours in opened.items()}
        for ours in (*opened.values(), *moved.values()):
            stack.callback(os.close, ours)
        yield moved
