"""A host that is measured: its file is read once, its driver may fail, its guests are laid out by what it has."""

import pytest
from kilonova_agent.errors import AgentError
from kilonova_agent.records import GuestRecord, Records
from kilonova_agent.resources.given import Given
from kilonova_agent.resources.resources import Resources
from kilonova_driver.errors import Transient
from kilonova_driver.types.guests import GuestSpec
from kilonova_driver.types.settings import DriverSettings
from kilonova_driver_fake.driver import FakeDriver
from kilonova_messages.wishes import WishedCell, WishedLayout

HOST_ID = "6a1ff2a4-8b5d-4b5e-9e2f-0d3b8a8d3c11"


@pytest.fixture
def records(tmp_path):
    made = Records(tmp_path, durable=False)
    made.load()
    return made


@pytest.fixture
def resources(tmp_path, records):
    driver = FakeDriver(DriverSettings(state_dir=str(tmp_path / "driver"), host_name="h1", options={"vcpus": "4"}))
    return Resources(driver, records, HOST_ID, tmp_path)


def own(make_wish, guest_id):
    cell = WishedCell(cpus=(0,), memory_mib=64, provider_id=HOST_ID)
    return make_wish(guest_id, layout=WishedLayout(cells=(cell,), dedicated_cpus=(0,)))


async def test_what_was_given_is_in_the_record_and_read_again(resources, records, make_wish, tmp_path):
    (tmp_path / "host.toml").write_text('cpu_dedicated_set = "2-3"\n')
    await resources.measure()
    for guest_id, processor in (("g1", 2), ("g2", 3)):
        wish = own(make_wish, guest_id)
        given = resources.give(wish, records.get(guest_id))
        assert given.pins == {0: processor}
        records.put(GuestRecord(guest_id=guest_id, generation=1, wish=wish, given=given))
    fresh = Records(tmp_path, durable=False)
    fresh.load()
    assert fresh.get("g2").given == Given(pins={0: 3})


async def test_an_unfitting_file_is_named_with_its_place(resources, tmp_path):
    (tmp_path / "host.toml").write_text('cpu_dedicated_set = "7"\n')
    with pytest.raises(AgentError, match=f"{tmp_path}/host.toml: `cpu_dedicated_set`: this machine has no processor 7"):
        await resources.measure()


async def test_a_host_that_was_never_measured_asks_to_come_again(resources, make_wish):
    wish = make_wish("g1")
    assert resources.give(wish, None) == Given()
    with pytest.raises(Transient):
        resources.lay_out(GuestSpec(guest_id="g1", name="g1", vcpus=1, memory_mib=64), wish)
    with pytest.raises(Transient):
        resources.give(own(make_wish, "g1"), None)
