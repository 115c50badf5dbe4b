"""What a host says by itself, to a controller that does not always take it."""

import pytest
from kilonova_agent.clocks import ControllerClock
from kilonova_agent.reporting import Reporting
from kilonova_messages.reports import HostReport, Receipt


@pytest.fixture
def reporting(house):
    return Reporting(
        house.host,
        house.worker,
        house.outbox,
        ControllerClock(),
        hostname="h1",
        address="127.0.0.1",
        heartbeat_seconds=1.0,
        guests_seconds=6.0,
    )


def host_reports(house):
    return sum(isinstance(report, HostReport) for report in house.reports)


async def test_what_the_host_has_is_told_until_it_is_taken_and_then_no_more(house, reporting, eventually):
    house.receipt = Receipt(refused="impossible")
    for number in (1, 2):
        await reporting._look()
        await eventually(lambda: house.outbox.waiting == 0)
        assert host_reports(house) == number
    house.receipt = Receipt()
    for _ in range(3):
        await reporting._look()
        await eventually(lambda: house.outbox.waiting == 0)
        assert host_reports(house) == 3
