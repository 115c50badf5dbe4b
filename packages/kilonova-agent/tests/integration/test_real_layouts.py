"""A processor of one's own under QEMU: chosen by the agent, kept over its restarts, never given twice."""

import json
import os
from functools import partial
from pathlib import Path

import pytest
from kilonova_driver.types.guests import CpuTopology
from kilonova_messages.reports import HostReport
from kilonova_messages.steps import EnsureGuest, RemoveGuest, StopGuest
from kilonova_messages.wishes import WishedCell, WishedDisk, WishedLayout

HOST = "id-of-h1"
CPUS = sorted(os.sched_getaffinity(0))
OWN, SHARED = CPUS[-1], set(CPUS[:-1])
TWO = pytest.mark.skipif(len(CPUS) < 2, reason="needs two processors")
FIRST, SECOND = (f"9d5f7ab2-0000-4000-8000-00000000000{number}" for number in (1, 2))

pytestmark = [pytest.mark.guest, pytest.mark.network, TWO]


@pytest.fixture
def start_agent(real_agent):
    """Start the agent of a host that sets its last processor aside; its guests are blank, and deaf to being asked."""
    host_file = f'cpu_dedicated_set = "{OWN}"\n[reserved]\nDISK_GB = 1\n'
    return partial(real_agent, host_file=host_file, drain_seconds=5)


@pytest.fixture
def wish_for(make_wish):
    def make(guest_id, **changes):
        disks = (WishedDisk(name="root", size_gib=1, boot_index=0),)
        return make_wish(guest_id, disks=disks, ports=(), **changes)

    return make


def alone():
    cell = WishedCell(cpus=(0,), memory_mib=64, provider_id=HOST)
    return WishedLayout(topology=CpuTopology(), cells=(cell,), dedicated_cpus=(0,))


def where_it_runs(tmp_path, guest_id):
    """Where each thread of a guest's process may run, by the thread's name."""
    record = json.loads((tmp_path / "h1/driver/guests" / guest_id / "record.json").read_bytes())
    tasks = Path(f"/proc/{record['process']['pid']}/task")
    return {(one / "comm").read_text().strip(): os.sched_getaffinity(int(one.name)) for one in tasks.iterdir()}


async def test_a_processor_of_its_own_is_one_guests_until_it_is_gone(
    controller, start_agent, wish_for, make_request, eventually, tmp_path
):
    async def run(guest_id, step):
        return (await controller.run(HOST, make_request(guest_id, step, deadline=0.0), seconds=120)).error

    agent = await start_agent()
    report = (await eventually(lambda: controller.of(HostReport)))[0]
    pools = {pool.resource_class: pool for pool in report.inventory.pools}
    assert (pools["PCPU"].total, pools["VCPU"].total) == (1, len(SHARED))
    assert pools["DISK_GB"].reserved == 1

    assert await run(FIRST, EnsureGuest(wish=wish_for(FIRST, layout=alone()))) is None
    threads = where_it_runs(tmp_path, FIRST)
    assert threads["CPU 0/TCG"] == {OWN}

    refused = await run(SECOND, EnsureGuest(wish=wish_for(SECOND, layout=alone())))
    assert refused.code == "no_resources"
    assert await run(SECOND, EnsureGuest(wish=wish_for(SECOND))) is None
    assert set.union(*where_it_runs(tmp_path, SECOND).values()) == SHARED

    await agent.close()
    await start_agent()
    assert where_it_runs(tmp_path, FIRST) == threads
    assert (await run(SECOND, EnsureGuest(wish=wish_for(SECOND, layout=alone())))).code == "no_resources"

    assert await run(FIRST, RemoveGuest()) is None
    assert await run(SECOND, StopGuest(mode="force")) is None
    assert await run(SECOND, EnsureGuest(wish=wish_for(SECOND, layout=alone()))) is None
    assert where_it_runs(tmp_path, SECOND)["CPU 0/TCG"] == {OWN}
