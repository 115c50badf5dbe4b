"""A host with the fake driver and a network that fails when told to."""

import logging
import uuid

import msgspec
import pytest
from kilonova_agent.clocks import ControllerClock
from kilonova_agent.config_drives import ConfigDrives
from kilonova_agent.images import ImageCache
from kilonova_agent.network.errors import HostUnfit, WiringFailed
from kilonova_agent.network.null_network import NullNetwork
from kilonova_agent.outbox import Outbox
from kilonova_agent.records import Records
from kilonova_agent.resources.resources import Resources
from kilonova_agent.steps.work import Host
from kilonova_agent.worker import Worker
from kilonova_driver.types.settings import DriverSettings
from kilonova_driver_fake.control import FakeControl
from kilonova_driver_fake.driver import FakeDriver
from kilonova_messages.encoding import decode_report, encode
from kilonova_messages.reports import Receipt


class FailingNetwork(NullNetwork):
    """Refuses the next ``failures`` calls."""

    def __init__(self):
        super().__init__()
        self.failures = 0
        #: The id of a port that can never be wired.
        self.refused = ""

    def _maybe_fail(self):
        if self.failures:
            self.failures -= 1
            raise WiringFailed("the wire is cut")

    async def ensure_port(self, guest_id, wiring):
        self._maybe_fail()
        if wiring.port_id == self.refused:
            raise HostUnfit("no wire fits")
        return await super().ensure_port(guest_id, wiring)

    async def remove_port(self, port_id):
        self._maybe_fail()
        await super().remove_port(port_id)

    async def ports(self):
        self._maybe_fail()
        return await super().ports()


class House:
    """One host, its worker, and what the worker reports."""

    def __init__(self, directory):
        self.directory = directory
        self.driver = FakeDriver(DriverSettings(state_dir=str(directory / "driver"), host_name="h1"))
        self.control = FakeControl(directory / "driver")
        self.network = FailingNetwork()
        capabilities = msgspec.structs.replace(self.driver.capabilities(), needs_host_network=True)
        records = Records(directory, durable=False)
        self.host = Host(
            driver=self.driver,
            capabilities=capabilities,
            network=self.network,
            images=ImageCache(directory / "images", "http://127.0.0.1:1"),
            drives=ConfigDrives(directory / "drives", owner=None, durable=False),
            records=records,
            resources=Resources(self.driver, records, str(uuid.uuid4()), directory),
        )
        self.reports = []
        self.receipt = Receipt()
        self.outbox = Outbox(self._hear)
        self.worker = Worker(self.host, self.outbox, builds_at_once=2, steps_at_once=4, clock=ControllerClock())

    async def start(self):
        await self.driver.start()
        await self.host.resources.measure()
        self.host.records.load()
        self.host.drives.start()

    async def close(self):
        await self.worker.close()
        await self.outbox.close()
        await self.driver.close()

    async def _hear(self, data):
        self.reports.append(decode_report(data))
        return encode(self.receipt)

    def ends(self):
        return {report.operation_id: report for report in self.reports if report.state != "working"}

    def end_of(self, request):
        return self.ends().get(request.operation_id)


@pytest.fixture
async def house(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    made = House(tmp_path)
    await made.start()
    yield made
    assert made.driver.breaches == 0
    await made.close()


@pytest.fixture
def run(house, eventually):
    async def run(request):
        house.worker.take(request)
        return await eventually(lambda: house.end_of(request))

    return run
