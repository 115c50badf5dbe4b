"""The wirer's order of doing things, over a kernel that sometimes refuses."""

from types import SimpleNamespace

import pytest
from kilonova_agent.network import names
from kilonova_agent.network import wiring as module
from kilonova_agent.network.errors import WiringFailed
from kilonova_agent.network.names import Names
from kilonova_agent.network.records import Records
from kilonova_agent.network.wiring import Wiring
from kilonova_messages.wishes import FirewallRule, PortWiring

SSH = FirewallRule(direction="ingress", protocol="tcp", port_min=22, port_max=22)


class Kernel:
    """A hub namespace with a tap; it refuses the next so many changes of its rules, and ends of connections."""

    def __init__(self, own):
        self.own, self.refusals, self.refuses_to_end, self.ended = own, 0, 0, []

    def present(self):
        return (self.own.hub,)

    def inside(self, _name, work):
        return work()

    def inode(self, _name):
        return 1

    def apply_rules(self, _commands):
        if self.refusals:
            self.refusals -= 1
            raise WiringFailed("not now")

    def end_connections(self, port_ids):
        if self.refuses_to_end:
            self.refuses_to_end -= 1
            raise WiringFailed("not now")
        self.ended += port_ids


@pytest.fixture
def kernel(monkeypatch):
    made = Kernel(Names("0abc1234"))
    monkeypatch.setattr(module, "apply_rules", made.apply_rules)
    monkeypatch.setattr(module.connections, "end_connections", made.end_connections)
    monkeypatch.setattr(module.metadata_door, "listen", lambda: None)
    monkeypatch.setattr(module.socket, "if_nameindex", lambda: [(7, names.tap("p1"))])
    return made


@pytest.fixture
def wiring(kernel, tmp_path):
    tap = SimpleNamespace(index=7)
    hub = SimpleNamespace(link=lambda _name: tap, present=lambda _name: tap, set_link=lambda _link, **_wanted: None)
    return Wiring(
        own=kernel.own,
        records=Records(tmp_path),
        namespaces=kernel,
        routers=SimpleNamespace(ensure=lambda _plan: None, netlink=lambda _name: hub),
        dnsmasqs=SimpleNamespace(ensure=lambda _plan, _router: None),
        doors=SimpleNamespace(open=lambda _network, _door: None),
        run_directory=tmp_path,
        tap_owner=None,
    )


def port(*rules):
    return PortWiring(port_id="p1", network_id="n1", mac="fa:16:3e:00:00:01", rules=rules)


@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_connections_that_a_rule_had_let_in_end_also_when_the_kernel_refused_at_first(refusals, wiring, kernel):
    wiring.ensure_port("g1", port(SSH))
    kernel.refusals = refusals
    for _ in range(refusals):
        with pytest.raises(WiringFailed):
            wiring.ensure_port("g1", port())
    wiring.ensure_port("g1", port())
    wiring.ensure_port("g1", port())
    assert kernel.ended == ["p1"]


def test_connections_are_ended_later_when_only_that_failed(wiring, kernel):
    wiring.ensure_port("g1", port(SSH))
    kernel.refuses_to_end = 1
    with pytest.raises(WiringFailed):
        wiring.ensure_port("g1", port())
    wiring.ensure_port("g1", port())
    assert kernel.ended == ["p1"]
