"""The network service, through its public API: ours in this process, or a real Neutron by URL.

The control plane speaks with its own token, so an action can go on long after the user's token has expired; what a user
may use is asked with the user's token when the request comes in. Networks, subnets and security groups are remembered
for a moment, until ``forget`` (the network service said that something changed) or a few seconds are over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from kilonova_kit.clock import Clock, system_clock
from kilonova_kit.errors import BadRequest, Conflict
from kilonova_kit.http.client import Reply, ServiceClient
from kilonova_messages.wishes import AddressPair, FirewallRule, FixedIp, HostRoute, PortWiring, WiredSubnet

from kilonova_compute.external.replies import UserCalls, checked
from kilonova_compute.model.servers import Address, Server, WantedNetwork

_REMEMBER_SECONDS, _MOST_REMEMBERED = 3.0, 1000
#: (resource, id) -> (until when it is fresh, the thing)
_Known = dict[tuple[str, str], tuple[float, dict[str, Any]]]


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """What compute needs of a port; the rest is the network service's business."""

    id: str
    network_id: str
    mac_address: str
    project_id: str = ""
    device_id: str = ""
    device_owner: str = ""
    admin_state_up: bool = True
    status: str = ""
    name: str = ""
    fixed_ips: list[dict[str, str]] = []
    security_groups: list[str] = []
    allowed_address_pairs: list[dict[str, str]] = []
    port_security_enabled: bool = True
    binding_host: str = msgspec.field(name="binding:host_id", default="")
    binding_profile: dict[str, Any] = msgspec.field(name="binding:profile", default_factory=dict)

    def answers(self, wanted: WantedNetwork, number: int) -> bool:
        """Whether it is the one that was made (or bound) for a server's wish of this number."""
        return self.id == wanted.port_id if wanted.port_id else self.binding_profile.get("nic") == number


def _checked(reply: Reply, what: str) -> Any:
    return checked(reply, "network", what)


class NetworkService:
    """Ports for servers, and what hosts must know to wire them."""

    def __init__(self, client: ServiceClient, clock: Clock = system_clock) -> None:
        self._client, self._clock = client, clock
        self.for_users = UserCalls(client, "network")
        self._known: _Known = {}
        #: What a token may see of the networks, by token and id.
        self._visible: _Known = {}
        #: Of each security group: until when its members are remembered, as of which change of ports, and they.
        self._known_members: dict[str, tuple[float, int, tuple[str, ...]]] = {}
        self._asked_members: dict[str, asyncio.Task[tuple[str, ...]]] = {}
        self._port_changes = 0

    def forget(self, what: str = "") -> None:
        """Something changed over there: ask anew. Ports come and go with every server, and concern only members.

        The memory is exchanged, not cleared: an answer that is on its way was asked too early, and goes into the old.
        """
        self._port_changes += 1
        if what != "ports":
            self._known, self._known_members, self._visible = {}, {}, {}

    async def _list(self, resource: str, query: Mapping[str, Any], token: str | None = None) -> list[dict[str, Any]]:
        reply = await self._client.request("GET", f"/v2.0/{resource}", query=query, token=token)
        body: dict[str, list[dict[str, Any]]] = _checked(reply, f"list {resource}")
        return body[resource.replace("-", "_")]

    async def _remembered(self, resource: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """These things by id, asked in one call for those that are not fresh in memory."""
        now, found, missing, memory = self._clock(), dict[str, dict[str, Any]](), list[str](), self._known
        for one in dict.fromkeys(ids):
            until, known = memory.get((resource, one), (0.0, {}))
            if until > now:
                found[one] = known
            else:
                missing.append(one)
        if missing:
            _make_room(memory)
            for item in await self._list(resource, {"id": missing}):
                memory[resource, item["id"]] = (now + _REMEMBER_SECONDS, item)
                found[item["id"]] = item
        return found

    # --- what a request may use

    async def usable_networks(self, token: str, project_id: str) -> list[dict[str, Any]]:
        """The project's own networks, then the shared ones: what a server gets when it names none."""
        visible = await self._list("networks", {}, token)
        own = [network for network in visible if network["project_id"] == project_id]
        shared = [network for network in visible if network["shared"] and network["project_id"] != project_id]
        return [network for network in (*own, *shared) if not network.get("router:external")]

    async def networks(self, token: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The networks with these ids that the token may see."""
        now, memory = self._clock(), self._visible
        fresh = {one: known for one in ids if (known := _fresh(memory, (token, one), now))}
        missing = [one for one in dict.fromkeys(ids) if one not in fresh]
        if missing:
            _make_room(memory)
            for network in await self._list("networks", {"id": missing}, token):
                memory[token, network["id"]] = (now + _REMEMBER_SECONDS, network)
                fresh[network["id"]] = network
        return fresh

    async def port(self, port_id: str, token: str | None = None) -> Port | None:
        reply = await self._client.request("GET", f"/v2.0/ports/{port_id}", token=token)
        if reply.status == 404:
            return None
        return msgspec.convert(_checked(reply, "show a port")["port"], Port)

    async def security_group_ids(self, token: str, project_id: str, names: Sequence[str]) -> list[str]:
        """Names or ids to ids. Raises BadRequest for one that is not there or not unique, as the compute API does."""
        if not names:
            return []
        groups = await self._list("security-groups", {"fields": ["id", "name"], "project_id": project_id}, token)
        return [_one_group(name, groups) for name in dict.fromkeys(names)]

    async def security_groups(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Groups with their rules, in the order of their ids."""
        if not ids:
            return []
        found = {group["id"]: group for group in await self._list("security-groups", {"id": list(ids)})}
        return [found[one] for one in ids if one in found]

    # --- ports of servers

    async def ports_of(self, server: Server) -> list[Port]:
        """The server's ports, of its own project: anybody may write anybody's id into the device of an own port."""
        query = {"device_id": server.id, "project_id": server.project_id}
        return msgspec.convert(await self._list("ports", query), list[Port])

    async def ports_on_host(self, host: str) -> list[Port]:
        return msgspec.convert(await self._list("ports", {"binding:host_id": host}), list[Port])

    async def ports_we_made(self) -> list[Port]:
        """Every port that was made for a server (``bind_ports`` marks them), of every project."""
        fields = ["id", "network_id", "mac_address", "device_id", "device_owner", "project_id", "binding:profile"]
        ports = msgspec.convert(await self._list("ports", {"fields": fields}), list[Port])
        return [port for port in ports if port.device_owner.startswith("compute:") and "nic" in port.binding_profile]

    async def create_port(self, values: Mapping[str, Any]) -> Port:
        reply = await self._client.request("POST", "/v2.0/ports", json={"port": values})
        return msgspec.convert(_checked(reply, "create a port")["port"], Port)

    async def update_port(self, port_id: str, values: Mapping[str, Any]) -> Port:
        reply = await self._client.request("PUT", f"/v2.0/ports/{port_id}", json={"port": values})
        return msgspec.convert(_checked(reply, "update a port")["port"], Port)

    async def delete_port(self, port_id: str) -> None:
        """Delete a port; gone is success."""
        reply = await self._client.request("DELETE", f"/v2.0/ports/{port_id}")
        if reply.status != 404:
            _checked(reply, "delete a port")

    async def addresses(self, ports: Sequence[Port]) -> tuple[Address, ...]:
        """The ports' fixed addresses as the servers API shows them, in the ports' order."""
        networks = await self._remembered("networks", (port.network_id for port in ports))
        return tuple(
            Address(
                ip_address=fixed["ip_address"],
                version=6 if ":" in fixed["ip_address"] else 4,
                mac=port.mac_address,
                network_id=port.network_id,
                network_name=networks.get(port.network_id, {}).get("name", ""),
                port_id=port.id,
            )
            for port in ports
            for fixed in port.fixed_ips
        )

    # --- wiring

    async def wirings(
        self, ports: Sequence[Port], hostname: str = "", *, exact: bool = False
    ) -> tuple[PortWiring, ...]:
        """Everything a host needs to wire these ports, remote groups resolved to addresses.

        ``exact``: with the members that groups have now, not a moment ago; the reconciler of wirings asks so, and
        mends what a quick answer missed.
        """
        networks = await self._remembered("networks", (port.network_id for port in ports))
        subnet_ids = (one for network in networks.values() for one in network.get("subnets", ()))
        subnets = await self._remembered("subnets", subnet_ids)
        groups = await self._remembered("security-groups", (one for port in ports for one in port.security_groups))
        members = {group: await self._members(group, exact) for group in _remote_groups(groups.values())}
        return tuple(
            _wiring(port, networks.get(port.network_id, {}), subnets, groups, members, hostname) for port in ports
        )

    async def _members(self, group: str, exact: bool) -> tuple[str, ...]:
        """The addresses in a security group. Many who want to know at the same time ask once."""
        until, as_of, members = self._known_members.get(group, (0.0, -1, ()))
        if until > self._clock() and (not exact or as_of == self._port_changes):
            return members
        if (asked := self._asked_members.get(group)) is None or exact:
            asked = asyncio.create_task(self._ask_members(group))
            self._asked_members[group] = asked
        return await asyncio.shield(asked)

    async def _ask_members(self, group: str) -> tuple[str, ...]:
        as_of, memory = self._port_changes, self._known_members
        try:
            ports = await self._list("ports", {"security_groups": group, "fields": ["fixed_ips"]})
        finally:
            self._asked_members.pop(group, None)
        _make_room(memory)
        found = tuple(sorted(_as_cidr(ip["ip_address"]) for port in ports for ip in port["fixed_ips"]))
        memory[group] = (self._clock() + _REMEMBER_SECONDS, as_of, found)
        return found


def _make_room(memory: dict[Any, Any]) -> None:
    """Nobody asks again for most of what was remembered."""
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()


def _fresh(memory: _Known, key: tuple[str, str], now: float) -> dict[str, Any] | None:
    until, known = memory.get(key, (0.0, {}))
    return known if until > now else None


def _remote_groups(groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """The security groups that some rule of these names as its remote group."""
    rules = (rule for group in groups for rule in group.get("security_group_rules", ()))
    return sorted({rule["remote_group_id"] for rule in rules if rule.get("remote_group_id")})


def _one_group(name: str, groups: Sequence[Mapping[str, Any]]) -> str:
    if any(group["id"] == name for group in groups):
        return name
    found = [str(group["id"]) for group in groups if group["name"] == name]
    if not found:
        raise BadRequest(f"Security group {name} not found for this project.")
    if len(found) > 1:
        raise Conflict(f"Multiple security groups found matching '{name}'. Use an ID to be more specific.")
    return found[0]


def _as_cidr(address: str) -> str:
    return f"{address}/128" if ":" in address else f"{address}/32"


def _wiring(
    port: Port,
    network: Mapping[str, Any],
    subnets: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Mapping[str, Any]],
    members: Mapping[str, tuple[str, ...]],
    hostname: str,
) -> PortWiring:
    rules = [rule for one in port.security_groups for rule in groups.get(one, {}).get("security_group_rules", ())]
    return PortWiring(
        port_id=port.id,
        network_id=port.network_id,
        mac=port.mac_address,
        mtu=network.get("mtu") or 1500,
        hostname=hostname,
        fixed_ips=tuple(FixedIp(subnet_id=ip["subnet_id"], ip_address=ip["ip_address"]) for ip in port.fixed_ips),
        subnets=tuple(_subnet(subnets[one]) for one in network.get("subnets", ()) if one in subnets),
        rules=tuple(_rule(rule, members) for rule in rules),
        allowed_pairs=tuple(
            AddressPair(ip_address=pair["ip_address"], mac_address=pair.get("mac_address") or port.mac_address)
            for pair in port.allowed_address_pairs
        ),
        unrestricted=not port.port_security_enabled,
        admin_state_up=port.admin_state_up,
        routed=bool(network.get("shared")),  # to share a network with everybody takes an administrator
    )


def _subnet(subnet: Mapping[str, Any]) -> WiredSubnet:
    return WiredSubnet(
        subnet_id=subnet["id"],
        cidr=subnet["cidr"],
        ip_version=subnet["ip_version"],
        gateway_ip=subnet.get("gateway_ip") or "",
        enable_dhcp=subnet.get("enable_dhcp", True),
        dns_nameservers=tuple(subnet.get("dns_nameservers") or ()),
        host_routes=tuple(
            HostRoute(destination=route["destination"], nexthop=route["nexthop"])
            for route in subnet.get("host_routes") or ()
        ),
    )


def _rule(rule: Mapping[str, Any], members: Mapping[str, tuple[str, ...]]) -> FirewallRule:
    remote = rule.get("remote_ip_prefix")
    cidrs: tuple[str, ...] = (str(remote),) if remote else ()
    if rule.get("remote_group_id"):
        cidrs = members.get(rule["remote_group_id"], ()) or ("0.0.0.0/32",)  # an empty group lets nobody in
    return FirewallRule(
        direction=rule["direction"],
        ethertype=rule["ethertype"],
        protocol=str(rule["protocol"] or ""),
        port_min=-1 if rule["port_range_min"] is None else rule["port_range_min"],
        port_max=-1 if rule["port_range_max"] is None else rule["port_range_max"],
        remote_cidrs=cidrs,
    )
