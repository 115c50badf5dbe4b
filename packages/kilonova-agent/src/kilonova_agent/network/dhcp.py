"""DHCP for one network: what dnsmasq is told. Pure.

dnsmasq only answers MACs that are written in its hosts file, always with the address written there. It keeps no lease
file: the file of hosts is the whole truth. It serves no DNS.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from kilonova_messages.wishes import WiredSubnet

from kilonova_agent.network import names, translation
from kilonova_agent.network.records import NetworkPlan

_LEASE_SECONDS = 86400


class DhcpFiles(msgspec.Struct, frozen=True):
    """Where one network's dnsmasq reads; the directory belongs to the user that it runs as."""

    directory: Path

    @property
    def hosts(self) -> Path:
        return self.directory / "hosts"

    @property
    def options(self) -> Path:
        return self.directory / "options"


def served(plan: NetworkPlan) -> list[WiredSubnet]:
    return [subnet for subnet in plan.subnets if subnet.enable_dhcp and subnet.ip_version == 4]


def arguments(plan: NetworkPlan, files: DhcpFiles, user: str | None) -> list[str]:
    """dnsmasq's command line; ``user`` None inside a user namespace, where it cannot change to another."""
    ranges = [_range(subnet) for subnet in served(plan)]
    # A subnet without a gateway has no address of ours in it: it is served as a further subnet of the same wire.
    shared = [
        f"--shared-network={translation.INSIDE},{ipaddress.ip_network(subnet.cidr).network_address}"
        for subnet in served(plan)
        if not subnet.gateway_ip
    ]
    return [
        "dnsmasq",
        *(("--keep-in-foreground", f"--user={user}", "--log-facility=-") if user else ("--no-daemon",)),
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--no-ping",
        "--port=0",
        "--pid-file=",
        "--bind-interfaces",
        f"--interface={translation.INSIDE}",
        "--except-interface=lo",
        "--quiet-dhcp",
        "--leasefile-ro",
        "--dhcp-authoritative",
        "--dhcp-lease-max=100000",
        f"--dhcp-hostsfile={files.hosts}",
        f"--dhcp-optsfile={files.options}",
        *ranges,
        *shared,
    ]


def _tag(subnet: WiredSubnet) -> str:
    return f"s{names.short(subnet.subnet_id, 12)}"


def _range(subnet: WiredSubnet) -> str:
    network = ipaddress.IPv4Network(subnet.cidr, strict=False)
    return f"--dhcp-range=set:{_tag(subnet)},{network.network_address},static,{network.netmask},{_LEASE_SECONDS}s"


def hosts(plan: NetworkPlan) -> dict[str, str]:
    """Address -> the line of the hosts file for it."""
    subnets = {subnet.subnet_id for subnet in served(plan)}
    lines: dict[str, str] = {}
    for port in plan.ports:
        wiring = port.wiring
        for fixed in wiring.fixed_ips:
            if fixed.subnet_id in subnets:
                name = _hostname(wiring.hostname, fixed.ip_address)
                lines[fixed.ip_address] = f"{wiring.mac.lower()},{fixed.ip_address},{name}"
    return lines


def _hostname(wished: str, address: str) -> str:
    """A host name by RFC 1123, or one made from the address, as Neutron does."""
    label = re.sub(r"[^a-z0-9-]", "-", wished.split(".")[0].lower()).strip("-")[:63].strip("-")
    return label or f"host-{address.replace('.', '-')}"


def options(plan: NetworkPlan, resolvers: Sequence[str]) -> list[str]:
    """The lines of the options file: gateway, routes, DNS and MTU of each subnet."""
    lines = []
    for subnet in served(plan):
        tag = f"tag:{_tag(subnet)}"
        lines.append(f"{tag},option:mtu,{plan.mtu}")
        servers = [*subnet.dns_nameservers] or ([*resolvers] if plan.outside else [])
        if four := [server for server in servers if ":" not in server]:
            lines.append(f"{tag},option:dns-server,{','.join(four)}")
        # An empty option keeps dnsmasq from offering itself.
        lines.append(f"{tag},option:router" + (f",{subnet.gateway_ip}" if subnet.gateway_ip else ""))
        if routes := _routes(subnet):
            lines.append(f"{tag},option:classless-static-route,{','.join(routes)}")
    return lines


def _routes(subnet: WiredSubnet) -> list[str]:
    """Static routes. A client that gets any ignores the router option (RFC 3442), so the default one is among them."""
    pairs = [(route.destination, route.nexthop) for route in subnet.host_routes if ":" not in route.destination]
    if not subnet.gateway_ip:
        pairs.append((f"{names.METADATA_ADDRESS}/32", "0.0.0.0"))  # noqa: S104  "on this link", nothing listens
    elif pairs and all(destination != "0.0.0.0/0" for destination, _ in pairs):
        pairs.append(("0.0.0.0/0", subnet.gateway_ip))
    return [part for pair in pairs for part in pair]


def needs_restart(before: Iterable[str], after: Iterable[str]) -> bool:
    """Whether a host line went or changed: dnsmasq forgets a lease only by starting anew; new lines it just reads."""
    return not set(before) <= set(after)
