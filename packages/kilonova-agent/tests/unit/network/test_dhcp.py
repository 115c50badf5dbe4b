"""What dnsmasq is told about a network."""

from pathlib import Path

import pytest
from kilonova_agent.network import dhcp
from kilonova_agent.network.records import NetworkRecord, PortRecord, plan_network
from kilonova_messages.wishes import FixedIp, HostRoute, PortWiring, WiredSubnet


def plan(*hostnames, **subnet):
    wired = WiredSubnet(**{"subnet_id": "s", "cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.1", **subnet})
    ports = [
        PortRecord(
            guest_id="g",
            serial=number,
            wiring=PortWiring(
                port_id=f"p{number}",
                network_id="n",
                mac=f"FA:16:3E:00:00:0{number}",
                hostname=hostname,
                mtu=1450,
                fixed_ips=(FixedIp(subnet_id="s", ip_address=f"10.0.0.1{number}"),),
                subnets=(wired,),
            ),
        )
        for number, hostname in enumerate(hostnames or ("one",))
    ]
    return plan_network(NetworkRecord(network_id="n", slot=1), ports)


@pytest.mark.parametrize(
    ("wished", "given"),
    [
        ("web", "web"),
        ("Web.example.org", "web"),
        ("a b_c", "a-b-c"),
        ("", "host-10-0-0-10"),
        ("..", "host-10-0-0-10"),
        ("x,set:evil\n1", "x-set-evil-1"),
    ],
)
def test_a_host_name_is_made_safe(wished, given):
    assert dhcp.hosts(plan(wished)) == {"10.0.0.10": f"fa:16:3e:00:00:00,10.0.0.10,{given}"}


def tails(lines):
    return [line.partition(",")[2] for line in lines]


def test_options_of_an_ordinary_subnet():
    assert tails(dhcp.options(plan(), ["192.0.2.53"])) == [
        "option:mtu,1450",
        "option:dns-server,192.0.2.53",
        "option:router,10.0.0.1",
    ]


def test_a_subnets_own_dns_servers_win():
    assert "option:dns-server,10.0.0.3" in tails(
        dhcp.options(plan(dns_nameservers=("10.0.0.3", "fd00::1")), ["192.0.2.53"])
    )


def test_a_client_that_heeds_routes_still_gets_the_default_one():
    routes = (HostRoute(destination="10.9.0.0/16", nexthop="10.0.0.9"),)
    assert tails(dhcp.options(plan(host_routes=routes), []))[-1] == (
        "option:classless-static-route,10.9.0.0/16,10.0.0.9,0.0.0.0/0,10.0.0.1"
    )


def test_without_a_gateway_the_metadata_address_is_on_the_wire():
    assert tails(dhcp.options(plan(gateway_ip=""), []))[-2:] == [
        "option:router",
        "option:classless-static-route,169.254.169.254/32,0.0.0.0",
    ]


def test_a_subnet_without_dhcp_is_not_served():
    assert dhcp.served(plan(enable_dhcp=False)) == []
    assert dhcp.hosts(plan(enable_dhcp=False)) == {}


def test_only_a_line_that_goes_or_changes_needs_a_new_server():
    assert not dhcp.needs_restart(["a"], ["a", "b"])
    assert dhcp.needs_restart(["a", "b"], ["a"])
    assert dhcp.needs_restart(["a"], ["A"])


def test_dnsmasq_never_serves_dns_nor_writes_a_pid_file():
    arguments = dhcp.arguments(plan(), dhcp.DhcpFiles(Path("/run/x")), "nobody")
    assert {"--port=0", "--pid-file=", "--leasefile-ro", "--user=nobody"} <= set(arguments)
