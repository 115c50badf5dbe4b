"""One agent: the parts of one host put together. Many may live in one process, each with its own directory.

    DATA/host.json, host.seed     who the host is                  (joining.py)
    DATA/host.toml                what of it is given to guests    (resources/host_file.py)
    DATA/guests/, removed/        what it knows of its guests      (records.py)
    DATA/images/                  verified images                  (images.py)
    DATA/config-drives/           one small file per guest         (config_drives.py)
    DATA/driver/                  the driver's own
    DATA/network/                 the host network's own
    DATA/metadata.sock            where the metadata doors ask
    DATA/agent.lock               held while an agent works here; it names the process

Start: driver and network find what lives, then the sweep, then the bus; only after that do steps come in.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from kilonova_driver.errors import DriverError
from kilonova_driver.loading import load_driver
from kilonova_driver.types.settings import DriverSettings
from kilonova_kit.logs import bind
from kilonova_kit.private_files import private_directory
from kilonova_kit.processes import boot_id

from kilonova_agent.asks import Asks
from kilonova_agent.clocks import ControllerClock
from kilonova_agent.config_drives import ConfigDrives
from kilonova_agent.draining import drain
from kilonova_agent.errors import AgentError
from kilonova_agent.images import ImageCache
from kilonova_agent.inventories import own_address
from kilonova_agent.joining import Joined, bus_credentials, read_joined, tls_context
from kilonova_agent.link import Link
from kilonova_agent.metadata.service import MetadataService
from kilonova_agent.metadata_link import MetadataLink
from kilonova_agent.network.null_network import NullNetwork
from kilonova_agent.precaching import Precaching
from kilonova_agent.records import Records
from kilonova_agent.reporting import Reporting
from kilonova_agent.resources.resources import Resources
from kilonova_agent.settings import AgentSettings, guests_user
from kilonova_agent.steps.work import Host
from kilonova_agent.sweep import sweep
from kilonova_agent.worker import Worker

if TYPE_CHECKING:  # the host network's libraries are large, and simulated hosts need none of them
    from kilonova_agent.network.host_network import GuestNetwork, HostNetwork

log = logging.getLogger(__name__)

#: A unix socket's path holds so many bytes.
_LONGEST_SOCKET_PATH = 100
#: Guests that are worked on at the same time; builds, which are heavier, have a setting.
STEPS_AT_ONCE = 64
#: How many heartbeats lie between two reports of all guests.
HEARTBEATS_PER_REPORT = 6


class Agent:
    """An agent with its directory; ``start``, then ``close``, perhaps ``drain`` in between. Not for a second start."""

    def __init__(self, settings: AgentSettings) -> None:
        self.settings = settings
        self._data = settings.data_dir.absolute()
        self._lock_descriptor: int | None = None
        self._started = contextlib.AsyncExitStack()
        self._link: Link | None = None

    async def start(self) -> None:
        """Be ready for steps. AgentError, DriverError or NetworkError when this host cannot work."""
        joined = self._joined()
        with bind(host_id=joined.host_id):
            try:
                await self._start(joined)
            except BaseException:
                await self.close()
                raise
            log.info("host %s is ready: driver %s", joined.hostname, self.settings.driver)

    async def close(self) -> None:
        """Let go of everything; guests, their network and their records stay."""
        await self._started.aclose()
        self._link = None
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def missing(self) -> list[str]:
        """What keeps this agent from taking steps, in words; empty when it is ready."""
        if self._link is not None and self._link.is_connected:
            return []
        return [f"the agent of {self._data} is not connected to the bus"]

    async def drain(self) -> tuple[str, ...]:
        """Take the guests down with the host, and its network; the ids of those that would not stop.

        Also for an agent that was not started: then without a word to the controller. Close it afterwards.
        """
        await self._started.aclose()  # no further steps, and no word of guests that stop now
        host = await self._start_host(self._joined())
        stubborn = await drain(host, self.settings.drain_seconds)
        if not stubborn:
            await host.network.tear_down()
        return stubborn

    # -- parts --------------------------------------------------------------------------------------------------

    def _joined(self) -> Joined:
        joined = read_joined(self._data)
        if joined is None:
            raise AgentError(f"{self._data} belongs to no host yet: join the cloud first (kilonova host join)")
        return joined

    async def _start(self, joined: Joined) -> None:
        host = await self._start_host(joined)
        await self._measure(host)
        tls = tls_context(self.settings.ca_file) if joined.bus_url.startswith("tls:") else None
        link = self._link = Link(joined, bus_credentials(self._data, joined), tls)
        clock = ControllerClock()
        worker = Worker(
            host,
            link.outbox,
            builds_at_once=self.settings.builds_at_once,
            steps_at_once=STEPS_AT_ONCE,
            clock=clock,
        )
        reporting = Reporting(
            host,
            worker,
            link.outbox,
            clock,
            hostname=joined.hostname,
            address=self.settings.address or await own_address(self._controller_url(joined)),
            heartbeat_seconds=self.settings.heartbeat_seconds,
            guests_seconds=self.settings.heartbeat_seconds * HEARTBEATS_PER_REPORT,
        )
        await self._start_metadata(host, link)
        self._started.push_async_callback(link.close)
        self._started.push_async_callback(worker.close)
        precaching = Precaching(host.images)
        self._started.push_async_callback(precaching.close)
        await link.connect(worker.take, Asks(host, worker, precaching).answer)
        self._started.push_async_callback(reporting.close)
        link.on_reconnect = reporting.tell_guests
        reporting.start()

    async def _measure(self, host: Host) -> None:
        """AgentError when the operator's file does not fit this host; a driver that fails is asked again later."""
        try:
            await host.resources.measure()
        except DriverError as error:
            log.error("the driver cannot say what the host has: %s", error.message)

    async def _start_host(self, joined: Joined) -> Host:
        """Everything that needs no controller."""
        self._lock()
        host = await asyncio.to_thread(self._make_host, joined)
        host.records.load()
        host.images.start()
        host.drives.start()
        self._started.push_async_callback(host.network.close)
        self._started.push_async_callback(host.driver.close)
        self._started.push_async_callback(host.images.close)
        await asyncio.gather(host.network.start(), host.driver.start())
        await sweep(host, self._data / "boot", boot_id())
        return host

    def _make_host(self, joined: Joined) -> Host:
        run_as = guests_user(self.settings)
        settings = DriverSettings(
            state_dir=str(private_directory(self._data / "driver")),
            host_name=joined.hostname,
            run_as=run_as,
            options=self.settings.driver_options,
        )
        driver = load_driver(self.settings.driver, settings)
        capabilities = driver.capabilities()
        network: GuestNetwork = NullNetwork()
        if capabilities.needs_host_network:
            network = self._host_network(joined, run_as)
            settings = msgspec.structs.replace(settings, launcher=network.launcher())
            driver = load_driver(self.settings.driver, settings)
        durable = capabilities.needs_images  # a simulated guest is not worth waiting for the disk
        records = Records(self._data, durable=durable)
        return Host(
            driver=driver,
            capabilities=capabilities,
            network=network,
            images=ImageCache(self.settings.images, self._controller_url(joined), ca_file=self.settings.ca_file),
            drives=ConfigDrives(self._data / "config-drives", owner=run_as, durable=durable),
            records=records,
            resources=Resources(driver, records, joined.host_id, self._data),
        )

    def _host_network(self, joined: Joined, run_as: tuple[int, int] | None) -> HostNetwork:
        from kilonova_agent.network.host_network import HostNetwork

        network = HostNetwork(
            data_dir=self._data,
            host_id=joined.host_id,
            metadata_socket=self._metadata_socket(),
            run_as=run_as,
            logger=logging.getLogger("kilonova_agent.network"),
        )
        network.enclose()  # the way into it is among the driver's settings
        return network

    def _metadata_socket(self) -> Path:
        path = self._data / "metadata.sock"
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            raise AgentError(f"the path {path} is too long for a socket: use a shorter data directory")
        return path

    async def _start_metadata(self, host: Host, link: Link) -> None:
        if not host.capabilities.needs_host_network:
            return
        asked = MetadataLink(host.records, link.metadata)
        service = MetadataService(asked.lookup, socket_path=self._metadata_socket(), ports_of=asked.ports_of)
        await service.start()
        self._started.push_async_callback(service.close)

    def _controller_url(self, joined: Joined) -> str:
        return self.settings.controller_url or joined.controller_url

    def _lock(self) -> None:
        """Be the only agent of this directory. AgentError when there is another one."""
        private_directory(self._data)
        if self._lock_descriptor is not None:
            return
        descriptor = os.open(lock_path(self._data), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AgentError(f"another agent works in {self._data}") from None
        self._lock_descriptor = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def lock_path(data_dir: Path) -> Path:
    return data_dir / "agent.lock"


def working_agent(data_dir: Path) -> int | None:
    """The process id of the agent that works in this directory; None when there is none."""
    try:
        descriptor = os.open(lock_path(data_dir), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(descriptor, 20, 0) or b"0") or None
    finally:
        os.close(descriptor)
    return None
