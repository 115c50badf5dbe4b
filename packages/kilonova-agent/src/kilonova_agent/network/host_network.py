"""The host network as the agent uses it: ensure and remove ports, where guests start, how to reach them.

Errors: ``kilonova_agent.network.errors``. Every call may be repeated. ``close`` leaves everything wired, for the next
agent; ``tear_down`` leaves nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from kilonova_messages.wishes import PortWiring

from kilonova_agent.network import names
from kilonova_agent.network.enclosure import Enclosure
from kilonova_agent.network.errors import WiringFailed
from kilonova_agent.network.helper_process import HelperProcess
from kilonova_agent.network.namespaces import ROOT_DIRECTORY
from kilonova_agent.network.requests import EnsurePort, ListPorts, RemovePort, TearDown, WiredPort
from kilonova_agent.network.resolvers import host_resolvers
from kilonova_agent.network.wirer_settings import WirerSettings


class GuestNetwork(Protocol):
    """What the agent asks of a host's network; ``HostNetwork`` and ``NullNetwork`` give it."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def ensure_port(self, guest_id: str, wiring: PortWiring) -> str: ...
    async def remove_port(self, port_id: str) -> None: ...
    async def ports(self) -> tuple[WiredPort, ...]: ...
    def launcher(self) -> tuple[str, ...]: ...
    def command_in(self, network_id: str) -> tuple[str, ...]: ...
    async def tear_down(self) -> None: ...


class HostNetwork:
    """Taps, bridges, DHCP, metadata doors and firewall of one agent.

    ``run_as`` (uid, gid) owns the taps, where guests do not run as root. ``enclosed`` None: in a user namespace unless
    this process is root.
    """

    def __init__(
        self,
        *,
        data_dir: Path,
        host_id: str,
        metadata_socket: Path,
        run_as: tuple[int, int] | None,
        logger: logging.Logger,
        enclosed: bool | None = None,
    ) -> None:
        self._state = data_dir.resolve() / "network"
        self._own = names.names_of(data_dir, host_id)
        self._enclosure = Enclosure(self._state) if (os.geteuid() != 0 if enclosed is None else enclosed) else None
        self._settings = WirerSettings(
            tag=self._own.tag,
            state_directory=str(self._state),
            metadata_socket=str(metadata_socket.resolve()),
            enclosed=self._enclosure is not None,
            tap_owner=None if self._enclosure else run_as,
            resolvers=host_resolvers(),
        )
        self._helper = HelperProcess(self._command, logger)

    def _command(self) -> Sequence[str]:
        settings = msgspec.json.encode(self._settings).decode()
        return (*self._prefix(), sys.executable, "-m", "kilonova_agent.network.wirer", settings)

    def _prefix(self) -> tuple[str, ...]:
        return self._enclosure.prefix() if self._enclosure else ()

    @property
    def helper_pid(self) -> int | None:
        """The wirer's process id, None while it is being started again."""
        return self._helper.pid

    def enclose(self) -> None:
        """Find or make the user namespace, where there is to be one; blocks. ``launcher`` names it. HostUnfit."""
        if self._enclosure:
            self._enclosure.ensure()

    async def start(self) -> None:
        """Start the helper, which first repairs what an earlier one left half done."""
        await asyncio.to_thread(self.enclose)
        await self._helper.start()

    async def close(self) -> None:
        await self._helper.close()

    async def ensure_port(self, guest_id: str, wiring: PortWiring) -> str:
        """Wire a port, or change its wiring to match; the name of its tap in the hub namespace."""
        answer = await self._helper.ask(EnsurePort(guest_id=guest_id, wiring=wiring))
        if not answer.ports:
            raise WiringFailed(f"the network helper named no tap for port {wiring.port_id}")
        return answer.ports[0].tap

    async def remove_port(self, port_id: str) -> None:
        """Remove a port; gone is success. The network's pieces on this host go with its last port."""
        await self._helper.ask(RemovePort(port_id=port_id))

    async def ports(self) -> tuple[WiredPort, ...]:
        return (await self._helper.ask(ListPorts())).ports

    def launcher(self) -> tuple[str, ...]:
        """What to put before a guest's command line, so that it finds its taps; after ``enclose``."""
        return self._enter(self._own.hub)

    def command_in(self, network_id: str) -> tuple[str, ...]:
        """What to put before a command (``ssh``) so that it reaches this network's guests by their fixed addresses."""
        return self._enter(self._own.router(network_id))

    def _enter(self, namespace: str) -> tuple[str, ...]:
        directory = self._state / "namespaces" if self._enclosure else ROOT_DIRECTORY
        return (*self._prefix(), "nsenter", f"--net={directory / namespace}", "--")

    async def tear_down(self) -> None:
        """Remove everything of this agent from the machine, and end the helper."""
        await self.start()
        await self._helper.ask(TearDown())
        await self.close()
        await asyncio.to_thread(self._remove_state)

    def _remove_state(self) -> None:
        if self._enclosure:
            self._enclosure.end()
        shutil.rmtree(self._state, ignore_errors=True)
