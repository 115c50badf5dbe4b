"""A host whose key was stolen, spoken for over the real bus: it hurts nobody but itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cloud.simulated import SimulatedCloud
from kilonova_agent.joining import bus_credentials, read_joined
from kilonova_driver.types.inventory import Capabilities, Inventory, Pool
from kilonova_kit.bus import Bus, BusError
from kilonova_messages import subjects
from kilonova_messages.encoding import encode
from kilonova_messages.reports import HostReport, MetadataQuestion


async def test_a_host_that_lies_about_what_it_has_stops_nobody(make_cloud: Callable[..., SimulatedCloud]) -> None:
    cloud = make_cloud(hosts=2, cells=1)
    liar, other = cloud.all_hosts()
    joined = read_joined(liar.data)
    assert joined is not None
    bus = await Bus.connect(joined.bus_url, bus_credentials(liar.data, joined), joined.host_id)
    try:
        for ratio in (float("inf"), float("nan"), -1.0, 1e308):
            pool = Pool(resource_class="VCPU", total=2**53, allocation_ratio=ratio)
            lie = HostReport(
                hostname=other.name,
                address="192.0.2.1",
                capabilities=Capabilities(name="fake", version="1", contract=(1, 0)),
                inventory=Inventory(pools=(pool,)),
            )
            assert await bus.request(subjects.report(joined.cell, joined.host_id), encode(lie), 10.0)
            cloud.demo.delete_and_wait(cloud.demo.create_active("unhurt"))
    finally:
        await bus.close()


async def test_a_host_learns_nothing_of_other_hosts_servers_and_cannot_speak_for_them(cloud: SimulatedCloud) -> None:
    server = cloud.demo.create_active("private", user_data="U2VjcmV0")
    home = cloud.admin.show(server).host
    spy = next(host for host in cloud.all_hosts() if host.name != home)
    victim = read_joined(cloud.host(home).data)
    joined = read_joined(spy.data)
    assert joined is not None
    assert victim is not None
    bus = await Bus.connect(joined.bus_url, bus_credentials(spy.data, joined), joined.host_id)
    try:
        question = encode(MetadataQuestion(server_id=server.id))
        answer = await bus.request(subjects.report(joined.cell, joined.host_id), question, 10.0)
        assert b"refused" in answer
        assert b"Secret" not in answer
        for subject in (
            subjects.report(victim.cell, victim.host_id),
            subjects.work(victim.cell, victim.host_id),
            subjects.ask(victim.cell, victim.host_id),
            subjects.changes("network"),
            "$SYS.REQ.SERVER.PING",
        ):
            with pytest.raises(BusError):
                await bus.request(subject, question, 2.0)
    finally:
        await bus.close()
    cloud.demo.delete_and_wait(server)
