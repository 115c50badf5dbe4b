"""Names, records, uplinks, resolvers, protocols, processes and the door's rewriting."""

import pytest
from kilonova_agent.network import metadata_door, names, protocols, resolvers, uplinks
from kilonova_agent.network.errors import HostUnfit
from kilonova_agent.network.links import Route
from kilonova_agent.network.null_network import NullNetwork
from kilonova_agent.network.records import MAX_SLOT, LinkRange, Records, plan_network
from kilonova_agent.network.requirements import bridge_filter
from kilonova_messages.wishes import PortWiring, WiredSubnet


def route(destination, out=2):
    return Route(destination=destination, protocol=3, out=out)


def wiring(number, network="n", **more):
    return PortWiring(port_id=f"p{number}", network_id=network, mac=f"fa:16:3e:00:00:0{number}", **more)


def test_names_fit_into_the_kernels_fifteen_bytes(tmp_path):
    own = names.names_of(tmp_path, "host")
    made = [names.tap("p"), names.bridge("n"), names.router_leg("n"), own.uplink("n")]
    assert all(len(name) <= 15 for name in made)
    assert len(set(made)) == len(made)


def test_two_agents_on_one_machine_share_no_name(tmp_path):
    one, two = names.names_of(tmp_path, "a"), names.names_of(tmp_path, "b")
    assert one.hub != two.hub
    assert not one.is_ours(two.hub)
    assert not one.is_ours(two.router("n"))
    assert one.is_ours(one.router("n"))


def test_a_link_range_avoids_the_machines_routes():
    free = uplinks.choose_range("0abc1234", [])
    assert uplinks.choose_range("0abc1234", []) == free
    assert uplinks.choose_range("0abc1234", [route(free)]) != free


def test_a_machine_that_uses_all_of_the_shared_space_gets_another_range():
    assert uplinks.choose_range("0abc1234", [route("100.64.0.0/10")]).startswith("198.1")
    with pytest.raises(HostUnfit):
        uplinks.choose_range("0abc1234", [route("100.64.0.0/10"), route("198.18.0.0/15")])


def test_uplinks_of_all_slots_lie_in_the_range_and_differ():
    pairs = [uplinks.link_pair("100.64.4.0/22", slot) for slot in range(1, MAX_SLOT + 1)]
    assert (pairs[0].outside, pairs[-1].router) == ("100.64.4.2", "100.64.7.255")
    assert len({pair.outside for pair in pairs}) == MAX_SLOT


def test_a_range_that_the_machine_already_routes_gets_no_direct_route():
    assert uplinks.reachable(["10.0.0.0/24", "fd00::/64"], [route("10.0.0.0/8")], uplink=9) == []
    assert uplinks.reachable(["10.0.0.0/24"], [route("10.0.0.0/24", out=9)], uplink=9) == ["10.0.0.0/24"]


@pytest.mark.parametrize(
    ("words", "loadable", "met", "mend"),
    [
        (None, False, True, ""),
        ("status 1", True, True, ""),
        ("status 1", False, False, "modprobe br_netfilter"),
    ],
)
def test_a_module_that_the_agent_loads_itself_is_not_missing(words, loadable, met, mend):
    found = bridge_filter(words, loadable=loadable)
    assert (found.met, found.mend) == (met, mend)


@pytest.mark.parametrize("name", ["port", "network", "link-range"])
@pytest.mark.parametrize("content", [b"", b'{"port_id', b"\xff"])
def test_a_record_that_a_power_cut_has_torn_is_set_aside_and_does_not_end_the_helper(name, content, tmp_path, caplog):
    records = Records(tmp_path)
    for number, network in ((1, "n"), (2, "m")):
        records.ensure_network(network)
        records.keep_port("g1", wiring(number, network))
    records.keep_link_range(LinkRange(cidr="100.64.0.0/22", forwarding_was="0"))
    torn = sorted(tmp_path.glob(f"{name}*.json"))[0]
    torn.write_bytes(content)
    again = Records(tmp_path)
    assert (len(again.ports), len(again.networks)) == (2 - (name == "port"), 2 - (name == "network"))
    assert (again.link_range() is None) == (name == "link-range")
    assert "cannot be read" in caplog.text
    assert torn.with_suffix(".broken").read_bytes() == content
    assert not torn.exists()


def test_records_survive_a_restart(tmp_path):
    first = Records(tmp_path)
    first.ensure_network("n")
    first.keep_port("g1", wiring(1))
    again = Records(tmp_path)
    assert (again.ports, again.networks) == (first.ports, first.networks)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_a_networks_slot_stays_and_a_free_one_is_used_again(tmp_path):
    records = Records(tmp_path)
    assert [records.ensure_network(name).slot for name in ("a", "b", "a")] == [1, 2, 1]
    records.forget_network("a")
    assert [records.ensure_network(name).slot for name in ("b", "c")] == [2, 1]


def test_the_newest_word_on_a_subnet_wins(tmp_path):
    records = Records(tmp_path)
    network = records.ensure_network("n")
    old, new = (
        WiredSubnet(subnet_id="s", cidr="10.0.0.0/24", gateway_ip=gateway) for gateway in ("10.0.0.1", "10.0.0.2")
    )
    records.keep_port("g", wiring(2, subnets=(old,)))
    records.keep_port("g", wiring(1, subnets=(new,), mtu=1400))
    plan = plan_network(network, records.ports_of("n"))
    assert (plan.subnets, plan.mtu) == ((new,), 1400)


@pytest.mark.parametrize(
    ("name", "version", "number"),
    [("tcp", 4, 6), ("", 4, None), ("any", 6, None), ("0", 4, None), ("icmp", 6, 58), ("icmp", 4, 1), ("132", 4, 132)],
)
def test_protocols_have_numbers(name, version, number):
    assert protocols.protocol_number(name, version) == number


@pytest.mark.parametrize("name", ["256", "tpc", "-1"])
def test_what_is_no_protocol_is_refused(name):
    with pytest.raises(ValueError, match=name):
        protocols.protocol_number(name, 4)


def test_resolvers_on_the_loopback_are_of_no_use_to_guests():
    text = "# x\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver fd00::1\nsearch a\nnameserver\n"
    assert resolvers.parse(text) == ("192.0.2.53",)


def test_the_door_says_who_asks_and_drops_what_the_guest_says_about_it():
    lies = b"x-forwarded-for: 1.2.3.4\r\nX-KILONOVA-Network: evil\r\nConnection: keep-alive"
    head = b"GET /latest HTTP/1.0\r\nHost: x\r\n" + lies
    rewritten, length = metadata_door.rewritten(head, "n1", "10.0.0.5")
    assert length == 0
    assert rewritten.decode().split("\r\n") == [
        "GET /latest HTTP/1.1",
        "Host: x",
        "X-Kilonova-Network: n1",
        "X-Forwarded-For: 10.0.0.5",
        "Connection: close",
        "",
        "",
    ]


def test_a_posted_body_keeps_its_length():
    rewritten, length = metadata_door.rewritten(b"POST /p HTTP/1.1\r\nContent-Length: 5", "n", "a")
    assert length == 5
    assert b"Content-Length: 5\r\n" in rewritten


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense",
        b"GET / HTTP/2.0",
        b"GET / HTTP/1.1\r\n folded: line",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999",
        b"POST / HTTP/1.1\r\nX-Forwarded-For : 1.2.3.4",
        b"GET / HTTP/1.1\r\nA: b\nX-Forwarded-For: 1.2.3.4",
        b"GET / HTTP/1.1\nX-Forwarded-For: 1.2.3.4",
        b"GET /\nX-Forwarded-For:1.2.3.4\nA:b HTTP/1.1",
        b"GET /\x0b HTTP/1.1",
        b"GET / HTTP/1.1\r\nA(b): c",
        b"GET / HTTP/1.1\r\nA: b\0",
    ],
)
def test_a_request_that_two_readers_could_read_differently_is_refused(head):
    with pytest.raises(ValueError, match=r".+"):
        metadata_door.rewritten(head, "n", "a")


async def test_the_null_network_remembers_ports_and_touches_nothing():
    network = NullNetwork()
    assert await network.ensure_port("g", wiring(1)) == await network.ensure_port("g", wiring(1))
    assert [port.port_id for port in await network.ports()] == ["p1"]
    await network.remove_port("p1")
    await network.remove_port("p1")
    assert await network.ports() == ()
    assert network.launcher() == ()
