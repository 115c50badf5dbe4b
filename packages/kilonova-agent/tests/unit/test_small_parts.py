"""Clocks, outcomes, errors, metadata look-ups, traits: small parts by themselves."""

import asyncio
import errno

import pytest
from kilonova_agent import outcomes as outcomes_module
from kilonova_agent.clocks import ControllerClock, seconds_left
from kilonova_agent.errors import DiskFull, ImageRefused, as_step_error
from kilonova_agent.inventories import agent_traits, own_address
from kilonova_agent.metadata_link import FRESH_SECONDS, MetadataLink
from kilonova_agent.outcomes import KEEP_SECONDS, Outcomes
from kilonova_agent.records import GuestRecord, Records, Tombstone
from kilonova_agent.unbroken import unbroken
from kilonova_driver.errors import NoResources, Transient
from kilonova_driver.types.inventory import Capabilities
from kilonova_messages.steps import RemoveGuest, StepReport
from kilonova_messages.wishes import GuestMetadata


def test_only_the_time_between_sending_and_deadline_counts(make_request):
    assert seconds_left(make_request("g1", RemoveGuest(), sent_at=5.0, deadline=65.0)) == 60.0
    assert seconds_left(make_request("g1", RemoveGuest(), sent_at=5.0, deadline=0.0)) is None


def test_the_controllers_clock_is_learnt_from_its_questions(make_request):
    clock = ControllerClock()
    clock.heard(make_request("g1", RemoveGuest(), sent_at=1000.0))
    assert 1000.0 <= clock.now() < 1060.0


def outcome(operation_id):
    return StepReport(operation_id=operation_id, action_id="a", server_id="g", generation=1, state="done")


def test_outcomes_are_kept_for_an_hour():
    now = [0.0]
    outcomes = Outcomes(lambda: now[0])
    outcomes.keep(outcome("one"))
    now[0] = KEEP_SECONDS + 1
    outcomes.keep(outcome("two"))
    assert outcomes.get("one") is None
    assert outcomes.get("two") == outcome("two")


def test_outcomes_are_bounded(monkeypatch):
    monkeypatch.setattr(outcomes_module, "MOST", 2)
    outcomes = Outcomes()
    for name in ("one", "two", "three"):
        outcomes.keep(outcome(name))
    assert [bool(outcomes.get(name)) for name in ("one", "two", "three")] == [False, True, True]


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (NoResources("no"), "no_resources", False),
        (Transient("later"), "transient", True),
        (ImageRefused("bad"), "image", False),
        (DiskFull("full"), "disk_full", False),
        (OSError(errno.ENOSPC, "full"), "disk_full", False),
        (OSError(errno.EDQUOT, "full"), "disk_full", False),
    ],
)
def test_foreseen_errors_have_their_codes(error, code, retryable):
    told = as_step_error(error)
    assert (told.code, told.retryable) == (code, retryable)


def test_what_nobody_foresaw_has_no_code():
    assert as_step_error(OSError(errno.EIO, "broken")) is None
    assert as_step_error(KeyError("x")) is None


def test_traits_follow_the_drivers_capabilities():
    plain = Capabilities(
        name="x", version="1", contract=(1, 0), disk_formats=frozenset({"qcow2", "odd"}), needs_host_network=False
    )
    assert agent_traits(plain) == {"COMPUTE_NODE", "COMPUTE_IMAGE_TYPE_QCOW2"}


async def test_the_own_address_is_the_one_towards_the_cloud():
    assert await own_address("http://127.0.0.1:8774") == "127.0.0.1"
    assert await own_address("http://no-such-host.invalid") == "127.0.0.1"


async def test_unbroken_work_ends_before_its_cancellation_goes_on():
    gate, done = asyncio.Event(), []

    async def work():
        await gate.wait()
        done.append(1)

    task = asyncio.create_task(unbroken(work()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert done == [1]


class Asked:
    """A controller that counts, and answers when it has an answer."""

    def __init__(self, answer=None):
        self.answer, self.count = answer, 0

    async def __call__(self, _server_id):
        self.count += 1
        await asyncio.sleep(0)
        return self.answer


@pytest.fixture
def records(tmp_path, make_wish):
    made = Records(tmp_path, durable=False)
    made.load()
    made.put(GuestRecord(guest_id="g1", generation=1, wish=make_wish("g1")))
    return made


def named(name):
    return GuestMetadata(server_id="g1", name=name, hostname=name, project_id="p1")


async def test_metadata_is_the_controllers_newest_and_kept_for_a_moment(records):
    now, asked = [0.0], Asked(named("renamed"))
    link = MetadataLink(records, asked, lambda: now[0])
    found = await asyncio.gather(*(link.lookup("net-1", "10.0.0.5") for _ in range(3)))
    assert {metadata.name for metadata in found} == {"renamed"}
    assert asked.count == 1
    now[0] = FRESH_SECONDS + 1
    asked.answer = None  # the controller is away: the newest that was ever told
    assert (await link.lookup("net-1", "10.0.0.5")).name == "renamed"
    assert asked.count == 2


async def test_the_metadata_of_a_guest_that_is_gone_is_forgotten(records, make_wish):
    link = MetadataLink(records, Asked(named("renamed")))
    await link.lookup("net-1", "10.0.0.5")
    records.bury(Tombstone(guest_id="g1", generation=2, removed_at=0.0))
    records.put(GuestRecord(guest_id="g2", generation=1, wish=make_wish("g2")))
    await link.lookup("net-1", "10.0.0.5")
    assert set(link._known) == {"g2"}


async def test_metadata_without_a_controller_is_the_wishs_and_of_strangers_none(records):
    link = MetadataLink(records, Asked())
    assert (await link.lookup("net-1", "10.0.0.5")).name == "web"
    assert await link.lookup("net-1", "10.0.0.6") is None
    assert await link.lookup("net-2", "10.0.0.5") is None
    assert [port.port_id for port in await link.ports_of("g1")] == ["port-g1"]
    assert await link.ports_of("g2") == ()
