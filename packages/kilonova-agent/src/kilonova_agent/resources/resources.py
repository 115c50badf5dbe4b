"""This host's tree as it is now, and the choosing from it. Measured at start and whenever the host is told of."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from kilonova_driver.driver import Driver
from kilonova_driver.errors import Transient
from kilonova_driver.types.guests import GuestSpec
from kilonova_messages.wishes import GuestWish

from kilonova_agent.errors import AgentError
from kilonova_agent.records import GuestRecord, Records
from kilonova_agent.resources import disk_use
from kilonova_agent.resources.given import Given, choose, needs_nothing
from kilonova_agent.resources.host_file import NAME, HostFile, read_host_file
from kilonova_agent.resources.layouts import laid_out
from kilonova_agent.resources.trees import Facts, Tree, make_tree

log = logging.getLogger(__name__)


class Resources:
    """``data_dir``: the agent's, with the operator's file and the driver's disks."""

    def __init__(self, driver: Driver, records: Records, host_id: str, data_dir: Path) -> None:
        self._driver, self._records, self._host_id, self._data_dir = driver, records, host_id, data_dir
        self._said: HostFile | None = None
        self._disk_reserved: int | None = None
        self._tree: Tree | None = None

    async def measure(self) -> Tree:
        """Raises DriverError; AgentError when the operator's file does not fit the machine."""
        if self._said is None:
            self._said = read_host_file(self._data_dir)
        capabilities, inventory = self._driver.capabilities(), await self._driver.inventory()
        if capabilities.needs_images:
            await self._measure_disk(self._data_dir / "driver")
        facts = Facts(inventory=inventory, features=capabilities.features, disk_reserved_gb=self._disk_reserved)
        try:
            self._tree = make_tree(facts, self._said, self._host_id)
        except AgentError as error:  # one process may play many hosts: say whose file it is
            raise AgentError(f"{self._data_dir / NAME}{str(error).removeprefix(NAME)}") from error
        return self._tree

    async def _measure_disk(self, driver_dir: Path) -> None:
        try:
            self._disk_reserved = await asyncio.to_thread(disk_use.reserved_gb, driver_dir, self._disk_reserved)
        except OSError as error:
            log.warning("what the disk holds cannot be measured: %s", error)

    def give(self, wish: GuestWish, before: GuestRecord | None) -> Given:
        """Choose what the guest gets for itself; the caller writes it down at once. Raises NoResources, Transient."""
        had = before.given if before is not None else Given()
        if needs_nothing(wish):
            return Given()
        others = [record.given for record in self._records if record.guest_id != wish.guest_id]
        return choose(wish, self._known(), had, others)

    def lay_out(self, spec: GuestSpec, wish: GuestWish) -> GuestSpec:
        """The spec with what the guest was given, and where it may run. Raises Transient."""
        record = self._records.get(wish.guest_id)
        given = record.given if record is not None else Given()
        return laid_out(spec, wish, given, self._known(), self._driver.capabilities().features)

    def _known(self) -> Tree:
        if self._tree is None:
            raise Transient("the driver has not said yet what this host has")
        return self._tree
