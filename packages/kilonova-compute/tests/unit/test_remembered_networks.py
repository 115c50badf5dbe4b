"""What the network service said is remembered for a moment, and never more of it than a little."""

from __future__ import annotations

import pytest
from compute_fakes import FakeNetwork
from kilonova_compute.external import network as network_module
from kilonova_compute.external.network import NetworkService, Port
from kilonova_kit.http.client import ServiceClient


async def test_what_is_remembered_of_networks_and_groups_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_module, "_MOST_REMEMBERED", 4)
    fake = FakeNetwork()
    service = NetworkService(ServiceClient(fake))
    for number in range(12):
        network_id, group = fake.add_network(f"net-{number}"), fake.add_group(f"group-{number}", "red")
        fake.groups[group]["security_group_rules"][0]["remote_group_id"] = group
        port = Port(id="p", network_id=network_id, mac_address="fa:16:3e:00:00:01", security_groups=[group])
        (wiring,) = await service.wirings([port])
        assert wiring.mtu == 1450
    assert len(service._known) <= 8
    assert len(service._known_members) <= 4
