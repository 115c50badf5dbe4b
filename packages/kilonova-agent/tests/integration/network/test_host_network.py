"""The host network as guests feel it: DHCP, metadata, firewall, the way in, and what is left when it goes."""

import asyncio
import importlib.util
import json
import os
import signal
from pathlib import Path

import msgspec
import pytest
from kilonova_agent.metadata.service import MetadataService
from kilonova_agent.network import processes
from kilonova_agent.network.errors import WiringFailed
from kilonova_messages.wishes import AddressPair, FirewallRule, FixedIp, HostRoute, WiredSubnet

_spec = importlib.util.spec_from_file_location("network_conftest", Path(__file__).with_name("conftest.py"))
stage = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stage)
port, SSH, EGRESS, SUBNET = stage.port, stage.SSH, stage.EGRESS, stage.SUBNET

pytestmark = pytest.mark.network


async def test_dhcp_gives_the_fixed_address_and_the_subnets_options(boot):
    guest = await boot(port(1))
    lease = guest.lease()
    assert (lease["kind"], lease["address"]) == (5, "10.77.0.11")
    options = lease["options"]
    assert bytes.fromhex(options["3"]) == bytes([10, 77, 0, 1])
    assert bytes.fromhex(options["6"]) == bytes([192, 0, 2, 53])
    assert int(options["26"], 16) == 1500
    assert bytes.fromhex(options["12"]) == b"guest-1"


async def test_a_port_that_comes_later_gets_its_address_from_the_running_dhcp_server(boot):
    first, second = await boot(port(1)), await boot(port(2))
    assert second.lease()["address"] == "10.77.0.12"
    assert first.lease()["address"] == "10.77.0.11"


async def test_an_address_given_to_another_port_is_leased_to_it(boot, network):
    old = await boot(port(1))
    assert old.lease()["address"] == "10.77.0.11"
    await boot(port(2))
    await network.remove_port(port(1).port_id)
    new = await boot(port(3, fixed_ips=port(1).fixed_ips))
    assert new.lease()["address"] == "10.77.0.11"


async def test_a_subnet_without_a_gateway_still_has_dhcp_and_metadata(boot):
    subnet = msgspec.structs.replace(SUBNET, gateway_ip="")
    guest = await boot(port(1, subnets=(subnet,)))
    lease = guest.lease()
    assert lease["address"] == "10.77.0.11"
    assert "3" not in lease["options"]
    assert lease["options"]["121"] == "20a9fea9fe00000000"


async def test_host_routes_are_handed_out_with_the_default_route(boot):
    route = HostRoute(destination="10.99.0.0/16", nexthop="10.77.0.99")
    guest = await boot(port(1, subnets=(msgspec.structs.replace(SUBNET, host_routes=(route,)),)))
    assert guest.lease()["options"]["121"] == "100a63" + "0a4d0063" + "00" + "0a4d0001"


async def test_metadata_knows_who_asks_by_network_and_address(boot, tmp_path, metadata):
    asked = []

    async def lookup(network_id, address):
        asked.append((network_id, address))
        return metadata

    service = MetadataService(lookup, socket_path=tmp_path / "metadata.sock")
    await service.start()
    guest = await boot(port(1))
    guest.set_up()
    lie = ("-H", "X-Forwarded-For: 10.77.0.66", "-H", "X-Kilonova-Network: other")
    url = "http://169.254.169.254/latest/meta-data/instance-id"
    said = await asyncio.to_thread(guest.run, "curl", "-sS", "--max-time", "20", *lie, url)
    await service.close()
    assert said == "i-5d7d3e3c"
    assert asked == [("net-1", "10.77.0.11")]


async def test_without_a_rule_nothing_gets_in_and_with_one_it_does_at_once(boot, network):
    guest, other = await boot(port(1)), await boot(port(2))
    guest.set_up()
    other.set_up()
    guest.listen(22)
    assert other.reaches("10.77.0.11", 22) == "TimeoutError"
    await network.ensure_port("guest", port(1, rules=(EGRESS, SSH)))
    assert other.reaches("10.77.0.11", 22, patience=5) == "hello"
    await network.ensure_port("guest", port(1, rules=(EGRESS,)))
    assert other.reaches("10.77.0.11", 22) == "TimeoutError"


async def test_a_rule_lets_in_only_its_remote_addresses_and_ports(boot):
    rule = FirewallRule(
        direction="ingress", protocol="tcp", port_min=22, port_max=23, remote_cidrs=("10.77.0.12/32", "fd00::/8")
    )
    guest, friend, stranger = await boot(port(1, rules=(EGRESS, rule))), await boot(port(2)), await boot(port(3))
    for each in (guest, friend, stranger):
        each.set_up()
    for number in (22, 23, 24):
        guest.listen(number)
    assert [friend.reaches("10.77.0.11", number) for number in (22, 23, 24)] == ["hello", "hello", "TimeoutError"]
    assert stranger.reaches("10.77.0.11", 22) == "TimeoutError"


async def test_without_an_egress_rule_a_guest_reaches_nobody_but_dhcp_and_metadata(boot, tmp_path, metadata):
    async def lookup(_network, _address):
        return metadata

    service = MetadataService(lookup, socket_path=tmp_path / "metadata.sock")
    await service.start()
    guest, other = await boot(port(1, rules=())), await boot(port(2, rules=(EGRESS, SSH)))
    assert guest.lease()["address"] == "10.77.0.11"
    guest.set_up()
    other.set_up()
    other.listen(22)
    assert guest.reaches("10.77.0.12", 22) == "TimeoutError"
    url = "http://169.254.169.254/openstack"
    said = await asyncio.to_thread(guest.run, "curl", "-sS", "--max-time", "20", url)
    await service.close()
    assert said.splitlines()[-1] == "latest"


async def test_a_spoofed_address_is_dropped_unless_the_port_may_use_it(boot, network):
    liar, other = await boot(port(1)), await boot(port(2, rules=(EGRESS, SSH)))
    other.set_up()
    other.listen(22)
    liar.set_up(address="10.77.0.66")
    assert liar.reaches("10.77.0.12", 22) != "hello"
    pair = AddressPair(ip_address="10.77.0.64/29", mac_address=port(1).mac)
    await network.ensure_port("guest", port(1, allowed_pairs=(pair,)))
    assert liar.reaches("10.77.0.12", 22, patience=5) == "hello"


async def test_a_spoofed_mac_is_dropped(boot):
    liar, other = await boot(port(1)), await boot(port(2, rules=(EGRESS, SSH)))
    other.set_up()
    other.listen(22)
    liar.set_up()
    assert liar.reaches("10.77.0.12", 22, patience=5) == "hello"
    liar.run("ip", "link", "set", "eth0", "address", "fa:16:3e:66:66:66")
    liar.set_up()
    assert liar.reaches("10.77.0.12", 22) != "hello"


async def test_an_unrestricted_port_is_neither_guarded_nor_held_to_its_address(boot):
    free, other = await boot(port(1, unrestricted=True, rules=())), await boot(port(2))
    free.set_up(address="10.77.0.66")
    other.set_up()
    free.listen(8080)
    assert other.reaches("10.77.0.66", 8080, patience=5) == "hello"


async def test_two_networks_may_have_the_same_addresses(boot):
    one, two = await boot(port(1, rules=(EGRESS, SSH))), await boot(port(1, network="net-2", rules=(EGRESS, SSH)))
    neighbour = await boot(port(2, network="net-2"))
    for guest in (one, two, neighbour):
        assert guest.lease()["address"] == guest.wiring.fixed_ips[0].ip_address
        guest.set_up()
    two.listen(22)
    assert neighbour.reaches("10.77.0.11", 22, patience=5) == "hello"
    assert "10.77.0.12" not in one.run("ip", "neigh")
    one.listen(23)
    assert neighbour.reaches("10.77.0.11", 23) == "TimeoutError"


async def test_the_machine_reaches_guests_of_every_network_from_inside_its_router(boot, network):
    for name in ("net-1", "net-2"):
        guest = await boot(port(1, network=name, rules=(EGRESS, SSH)))
        guest.set_up()
        guest.listen(22)
        assert stage.connect(network.command_in(name), "10.77.0.11", 22) == "hello"


async def test_the_machine_itself_has_a_route_to_the_first_of_two_overlapping_networks(boot, network, enclosed):
    guest = await boot(port(1, rules=(EGRESS, SSH)))
    await boot(port(1, network="net-2", rules=(EGRESS,)))
    guest.set_up()
    guest.listen(22)
    outside = network.launcher()[:-3]
    assert stage.connect(outside, "10.77.0.11", 22) == "hello"


async def test_the_machine_has_no_route_to_a_network_whose_ranges_a_tenant_chose(boot, network):
    guest = await boot(port(1, rules=(EGRESS, SSH), routed=False))
    guest.set_up()
    guest.listen(22)
    outside = network.launcher()[:-3]
    assert "10.77.0.0" not in stage.output(*outside, "ip", "route", "show", "table", "all")
    assert stage.connect(outside, "10.77.0.11", 22, patience=0.7) != "hello"
    assert stage.connect(network.command_in("net-1"), "10.77.0.11", 22) == "hello"


async def test_guests_of_two_networks_do_not_meet_on_the_machine(boot):
    other = msgspec.structs.replace(SUBNET, cidr="10.78.0.0/24", gateway_ip="10.78.0.1")
    one = await boot(port(1))
    two = await boot(
        port(
            1,
            network="net-2",
            subnets=(other,),
            rules=(EGRESS, SSH),
            fixed_ips=(msgspec.structs.replace(port(1).fixed_ips[0], ip_address="10.78.0.11"),),
        )
    )
    one.set_up()
    two.run("ip", "addr", "add", "10.78.0.11/24", "dev", "eth0")
    two.run("ip", "route", "add", "default", "via", "10.78.0.1")
    two.listen(22)
    assert one.reaches("10.78.0.11", 22) != "hello"


async def test_a_guest_reaches_no_service_of_the_machine_but_is_reached_by_it(boot, network):
    guest = await boot(port(1, rules=(EGRESS, SSH)))
    guest.set_up()
    guest.listen(22)
    outside = network.launcher()[:-3]
    number = stage.free_port()
    with stage.listening(outside, number):
        links = json.loads(stage.output(*outside, "ip", "-4", "-j", "addr"))
        uplinks = [link["addr_info"][0]["local"] for link in links if link["ifname"].startswith("knu")]
        addresses = [info["local"] for link in links for info in link["addr_info"] if info["local"] != "127.0.0.1"]
        assert set(uplinks) <= set(addresses)
        for address in addresses:
            assert stage.connect(outside, address, number) == "hello"
            assert guest.reaches(address, number) != "hello"
    assert stage.connect(outside, "10.77.0.11", 22) == "hello"


async def test_a_killed_helper_comes_back_and_everything_still_works(boot, network):
    guest = await boot(port(1, rules=(EGRESS, SSH)))
    guest.set_up()
    guest.listen(22)
    os.kill(network.helper_pid, signal.SIGKILL)
    other = await boot(port(2))
    other.set_up()
    assert other.reaches("10.77.0.11", 22, patience=5) == "hello"
    assert other.lease()["address"] == "10.77.0.12"
    assert [wired.port_id for wired in await network.ports()] == ["net-1-port-1", "net-1-port-2"]


async def test_helpers_killed_in_the_middle_of_their_work_leave_nothing_half_done(network, tmp_path):
    async def kill_again_and_again(tries):
        for _ in range(tries):
            if pid := network.helper_pid:
                os.kill(pid, signal.SIGKILL)
            await network.ports()

    async def insist(number):
        for _ in range(20):
            try:
                return await network.ensure_port("guest", port(number))
            except WiringFailed:  # the helper died twice over this request
                continue
        raise AssertionError("never wired")

    _, *taps = await asyncio.gather(kill_again_and_again(4), *(insist(number) for number in range(1, 5)))
    listed = await asyncio.to_thread(stage.output, *network.launcher(), "ip", "-o", "link")
    assert all(f"{tap}: " in listed for tap in taps)
    assert listed.count("tap") == len(taps)


async def test_a_dhcp_server_that_died_is_replaced_with_the_next_port(boot, network, tmp_path):
    guest = await boot(port(1))
    mark = next((tmp_path / "network").glob("dnsmasq-*.pid"))
    os.kill(processes.marked(mark).pid, signal.SIGKILL)
    await boot(port(2))
    assert guest.lease()["address"] == "10.77.0.11"


async def test_an_agent_that_starts_again_finds_its_ports(make_network):
    first = await make_network()
    tap = await first.ensure_port("guest-1", port(1))
    await first.close()
    second = await make_network()
    found = await second.ports()
    assert [(wired.port_id, wired.guest_id, wired.tap) for wired in found] == [("net-1-port-1", "guest-1", tap)]
    assert await second.ensure_port("guest-1", port(1)) == tap


async def test_a_tap_that_someone_removed_is_made_again_with_its_guard(boot, network):
    tap = await network.ensure_port("guest", port(1))
    await asyncio.to_thread(stage.output, *network.launcher(), "ip", "link", "del", tap)
    guest, other = await boot(port(1)), await boot(port(2))
    guest.set_up()
    other.set_up()
    guest.listen(22)
    assert other.reaches("10.77.0.11", 22) == "TimeoutError"


async def test_a_rule_taken_away_ends_the_connections_it_had_let_in(boot, network):
    guest, other = await boot(port(1, rules=(EGRESS, SSH))), await boot(port(2))
    guest.set_up()
    other.set_up()
    guest.listen(22, talk="echo")
    talk = other.talk("10.77.0.11", 22)
    assert talk.say("one") == "one"
    await network.ensure_port("guest", port(1, rules=(SSH,)))
    assert talk.say("two") == "two"
    await network.ensure_port("guest", port(1, rules=()))
    assert talk.say("three") == "TimeoutError"


async def test_a_port_that_is_being_removed_never_passes_unguarded(boot, network):
    listener = await boot(port(2, unrestricted=True))
    listener.set_up()
    for number in range(3, 6):
        guest = await boot(port(number))
        guest.set_up("10.77.0.99")
        guest.flood("10.77.0.99", "10.77.0.255", 9999)
        loop = asyncio.get_running_loop()

        def remove(loop=loop, wiring=guest.wiring):
            asyncio.run_coroutine_threadsafe(network.remove_port(wiring.port_id), loop).result()

        assert await asyncio.to_thread(listener.hears, 9999, remove) == "TimeoutError"


async def test_removing_a_port_twice_is_success(network):
    await network.ensure_port("guest", port(1))
    await network.remove_port(port(1).port_id)
    await network.remove_port(port(1).port_id)
    assert await network.ports() == ()


async def test_the_last_port_takes_everything_along(network, tag, tmp_path):
    before = stage.machine_state(tag, tmp_path)
    await network.ensure_port("guest", port(1))
    await network.ensure_port("guest", port(2, network="net-2"))
    assert stage.machine_state(tag, tmp_path) != before
    await network.remove_port(port(1).port_id)
    await network.remove_port(port(2, network="net-2").port_id)
    assert stage.machine_state(tag, tmp_path) == before


async def test_tear_down_leaves_the_machine_as_it_was(make_network, enclosed, tag, tmp_path):
    before = stage.machine_state(tag, tmp_path)
    network = await make_network()
    for number in (1, 2):
        await network.ensure_port("guest", port(number, network=f"net-{number}"))
    holder = processes.marked(tmp_path / "network" / "holder.pid")
    assert (holder is not None) == enclosed
    os.kill(network.helper_pid, signal.SIGKILL)
    await network.tear_down()
    assert holder is None or not holder.mark.alive
    assert stage.machine_state(tag, tmp_path) == before
    assert not (tmp_path / "network").exists()


async def test_ipv6_addresses_are_guarded_as_ipv4_ones_are(boot):
    subnet = WiredSubnet(subnet_id="six", cidr="fd77::/64", ip_version=6, gateway_ip="fd77::1")

    def six(number, *rules):
        address = FixedIp(subnet_id="six", ip_address=f"fd77::{10 + number}")
        return port(number, subnets=(subnet,), fixed_ips=(address,), rules=rules)

    out = FirewallRule(direction="egress", ethertype="IPv6")
    ssh = msgspec.structs.replace(SSH, ethertype="IPv6", remote_cidrs=("fd77::/64",))
    guest, other = await boot(six(1, out, ssh)), await boot(six(2, out))
    for each, address in ((guest, "fd77::11"), (other, "fd77::12")):
        each.run("ip", "addr", "add", f"{address}/64", "dev", "eth0", "nodad")
    for number in (22, 23):
        guest.listen(number, family="AF_INET6")
    assert other.reaches("fd77::11", 22, patience=5) == "hello"
    assert other.reaches("fd77::11", 23) == "TimeoutError"
    other.run("ip", "addr", "add", "fd77::66/64", "dev", "eth0", "nodad")
    other.run("ip", "addr", "del", "fd77::12/64", "dev", "eth0")
    assert other.reaches("fd77::11", 22) != "hello"


async def test_a_guest_cannot_play_dhcp_server_to_others(boot):
    liar, other = await boot(port(1)), await boot(port(2, rules=(EGRESS, FirewallRule(direction="ingress"))))
    liar.set_up()
    other.set_up()
    heard = other.hears(68, lambda: liar.run(*stage.send("10.77.0.12", 68, source=67)))
    assert heard == "TimeoutError"
    heard = other.hears(69, lambda: liar.run(*stage.send("10.77.0.12", 69, source=67)))
    assert heard == "word"


async def test_broadcast_reaches_only_a_guest_whose_rules_allow_it(boot):
    caller = await boot(port(1))
    open_guest = await boot(
        port(2, rules=(FirewallRule(direction="ingress", protocol="udp", port_min=99, port_max=99),))
    )
    closed_guest = await boot(port(3))
    for each in (caller, open_guest, closed_guest):
        each.set_up()
    call = stage.send("10.77.0.255", 99)
    assert open_guest.hears(99, lambda: caller.run(*call)) == "word"
    assert closed_guest.hears(99, lambda: caller.run(*call)) == "TimeoutError"
