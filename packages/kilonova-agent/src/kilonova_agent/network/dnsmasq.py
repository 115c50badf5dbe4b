"""One dnsmasq per network: started in the router's namespace, found again, told of changes, ended.

It outlives agent and wirer. Its mark (pid and start time) lies with the records; a dnsmasq in our namespace without a
mark is one whose starter died before writing it, and is ended.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import time
from pathlib import Path

from kilonova_kit.processes import send_signal

from kilonova_agent.network import dhcp, names, processes
from kilonova_agent.network.errors import WiringFailed
from kilonova_agent.network.namespaces import Namespaces
from kilonova_agent.network.records import NetworkPlan

_START_SECONDS = 5.0
_DHCP_PORT = ":0043 "
#: A server's words beyond so many bytes are forgotten: guests can make it speak as often as they like.
MOST_LOG_BYTES = 1024 * 1024


def service_user() -> pwd.struct_passwd | None:
    """The account that Debian gives dnsmasq, else nobody."""
    for name in ("dnsmasq", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


class Dnsmasqs:
    """The dnsmasq processes of one agent."""

    def __init__(
        self,
        *,
        state: Path,
        run_directory: Path,
        namespaces: Namespaces,
        resolvers: tuple[str, ...],
        unprivileged: bool,
    ) -> None:
        self._state, self._run, self._namespaces = state, run_directory, namespaces
        self._resolvers = resolvers
        self._user = service_user() if unprivileged else None

    def _files(self, network_id: str) -> dhcp.DhcpFiles:
        return dhcp.DhcpFiles(self._run / names.short(network_id, 12))

    def _mark(self, network_id: str) -> Path:
        return self._state / f"dnsmasq-{names.bridge(network_id)}.pid"

    def _log(self, network_id: str) -> Path:
        return self._state / f"dnsmasq-{names.bridge(network_id)}.log"

    def ensure(self, plan: NetworkPlan, namespace: str) -> None:
        """Make the network's dnsmasq serve exactly the plan."""
        if not dhcp.served(plan):
            self.remove(plan.network_id, namespace)
            return
        files = self._files(plan.network_id)
        self._make_directory(files.directory)
        known = _lines(files.hosts)
        lines = sorted(dhcp.hosts(plan).values())
        changed = self._write(files.hosts, lines)
        changed |= self._write(files.options, dhcp.options(plan, self._resolvers))
        arguments = tuple(dhcp.arguments(plan, files, self._user.pw_name if self._user else None))
        server = processes.marked(self._mark(plan.network_id))
        if server is None or server.arguments != arguments or dhcp.needs_restart(known, lines):
            self._end(plan.network_id, namespace)
            self._start(plan.network_id, namespace, arguments)
        elif changed:
            send_signal(server.mark, signal.SIGHUP)

    def _start(self, network_id: str, namespace: str, arguments: tuple[str, ...]) -> None:
        log, mark = self._log(network_id), self._mark(network_id)
        child = self._namespaces.inside(namespace, lambda: processes.start_detached(arguments, log, mark))
        _wait_until_serving(child, log)

    def died(self, network_id: str) -> bool:
        """Whether a server was started that no longer runs."""
        mark = self._mark(network_id)
        return mark.exists() and processes.marked(mark) is None

    def cut_log(self, network_id: str) -> None:
        """Keep a server's log within its bound: cut in place, since the server holds it open for appending."""
        log = self._log(network_id)
        if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
            os.truncate(log, 0)

    def remove(self, network_id: str, namespace: str) -> None:
        self._end(network_id, namespace)
        for path in self._state.glob(f"dnsmasq-{names.bridge(network_id)}.*"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self._files(network_id).directory, ignore_errors=True)

    def _end(self, network_id: str, namespace: str) -> None:
        if server := processes.marked(self._mark(network_id)):
            processes.end(server.mark)
        if namespace in self._namespaces.present():
            for stray in processes.named_in_namespace("dnsmasq", self._namespaces.inode(namespace)):
                processes.end(stray)

    def _make_directory(self, directory: Path) -> None:
        """Make it, or finish one that a helper which was killed had only begun."""
        self._run.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._run.chmod(0o711)
        directory.mkdir(mode=0o700, exist_ok=True)
        if self._user and directory.stat().st_uid != self._user.pw_uid:
            os.chown(directory, self._user.pw_uid, self._user.pw_gid)

    def _write(self, path: Path, lines: list[str]) -> bool:
        """Write a file for dnsmasq; say whether that changed it."""
        content = "".join(f"{line}\n" for line in lines).encode()
        if path.exists() and path.read_bytes() == content:
            return False
        from_here = path.with_name(f".{path.name}.new")
        from_here.write_bytes(content)
        from_here.chmod(0o600)
        if self._user:
            os.chown(from_here, self._user.pw_uid, self._user.pw_gid)
        from_here.replace(path)
        return True


def _wait_until_serving(child: processes.Started, log: Path) -> None:
    """Return when the DHCP port is open: before that, a signal to read again would be lost or deadly."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if not child.mark.alive:
            raise WiringFailed(f"dnsmasq did not start: {_tail(log)}")
        if _DHCP_PORT in Path(f"/proc/{child.pid}/net/udp").read_text():
            return
        time.sleep(0.004)
    processes.end(child.mark)
    raise WiringFailed(f"dnsmasq does not serve after {_START_SECONDS} s: {_tail(log)}")


def _tail(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").splitlines()[-3:])


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
