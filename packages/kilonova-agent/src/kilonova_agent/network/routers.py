"""The pieces of one network besides its taps: bridge, router namespace, uplink. Ensured and removed as a whole."""

from __future__ import annotations

import ipaddress
import json

from kilonova_agent.network import links, names, resolvers, translation, uplinks
from kilonova_agent.network.errors import HostUnfit, WiringFailed
from kilonova_agent.network.expressions import Json, Table
from kilonova_agent.network.links import Netlink, write_setting
from kilonova_agent.network.names import Names
from kilonova_agent.network.namespaces import Namespaces, run
from kilonova_agent.network.records import LinkRange, NetworkPlan, Records

BRIDGE_FILTER = "bridge/bridge-nf-call-iptables"
FORWARDING = "ipv4/ip_forward"


def apply_rules(commands: list[Json]) -> None:
    """One nftables transaction in this thread's namespace."""
    run("nft", "-j", "-f", "-", text=json.dumps({"nftables": commands}))


class Routers:
    """Makes and removes networks; ``outside`` is the namespace in which the wirer was started."""

    def __init__(self, *, own: Names, namespaces: Namespaces, records: Records, enclosed: bool) -> None:
        self._enclosed = enclosed
        self._own, self._namespaces, self._records = own, namespaces, records
        self._outside = Netlink()
        self._conversations: dict[int, Netlink] = {}
        self._ruled: dict[str, int] = {}
        self._done: dict[str, object] = {}

    def netlink(self, namespace: str) -> Netlink:
        """The conversation with a namespace; a namespace made anew gets a new one."""
        inode = self._namespaces.inode(namespace)
        if inode not in self._conversations:
            self._conversations[inode] = self._namespaces.inside(namespace, Netlink)
        return self._conversations[inode]

    def ensure_hub(self) -> Netlink:
        if self._own.hub not in self._namespaces.present():
            self._namespaces.ensure(self._own.hub)
        _require_bridge_filter()
        hub = self.netlink(self._own.hub)
        self._namespaces.inside(self._own.hub, _set_up_hub)
        return hub

    def ensure(self, plan: NetworkPlan) -> None:
        """Make bridge, router and uplink match the plan; one that is as it was a moment ago is only glanced at."""
        known = (plan.slot, plan.mtu, plan.outside, plan.routed, plan.subnets)
        if self._done.get(plan.network_id) == known and self._stands(plan.network_id):
            return
        self._ensure(plan)
        self._done[plan.network_id] = known

    def _stands(self, network_id: str) -> bool:
        if not {self._own.hub, self._own.router(network_id)} <= set(self._namespaces.present()):
            return False
        hub = self.netlink(self._own.hub)
        return hub.link(names.bridge(network_id)) is not None and hub.link(names.router_leg(network_id)) is not None

    def _ensure(self, plan: NetworkPlan) -> None:
        hub = self.ensure_hub()
        bridge = hub.ensure_bridge(names.bridge(plan.network_id), plan.mtu)
        hub.set_link(bridge, alias=f"network {plan.network_id}")
        router = self._own.router(plan.network_id)
        self._namespaces.ensure(router)
        inner = self.netlink(router)
        self._ensure_leg(hub, inner, plan, bridge.index)
        inner.set_link(inner.present("lo"), up=True)
        inside = inner.present(translation.INSIDE)
        self._namespaces.inside(router, _set_up_router)
        inner.set_link(inside, mtu=plan.mtu, up=True)
        inner.set_addresses(inside, _gateway_addresses(plan))
        self._ensure_rules(router)
        if plan.outside:
            self._ensure_uplink(plan, inner)
        else:
            self._outside.remove_link(self._own.uplink(plan.network_id))

    def _ensure_leg(self, hub: Netlink, inner: Netlink, plan: NetworkPlan, bridge: int) -> None:
        leg = names.router_leg(plan.network_id)
        if hub.link(leg) is None or inner.link(translation.INSIDE) is None:
            hub.remove_link(leg)
            inner.remove_link(translation.INSIDE)
            path = self._namespaces.path(self._own.router(plan.network_id))
            hub.add_pair(leg, translation.INSIDE, path, names.router_mac(plan.network_id))
        hub.set_link(hub.present(leg), master=bridge, mtu=plan.mtu, up=True, alias=f"router of {plan.network_id}")

    def _ensure_rules(self, router: str) -> None:
        inode = self._namespaces.inode(router)
        if self._ruled.get(router) != inode:
            self._namespaces.inside(router, lambda: apply_rules(translation.router_rules()))
            self._ruled[router] = inode

    def _ensure_uplink(self, plan: NetworkPlan, inner: Netlink) -> None:
        link_range = self.ensure_outside().cidr
        pair = uplinks.link_pair(link_range, plan.slot)
        name = self._own.uplink(plan.network_id)
        if self._outside.link(name) is None or inner.link(translation.UPLINK) is None:
            self._outside.remove_link(name)
            inner.remove_link(translation.UPLINK)
            path = self._namespaces.path(self._own.router(plan.network_id))
            self._outside.add_pair(name, translation.UPLINK, path)
        outer = self._outside.present(name)
        write_setting(f"ipv6/conf/{name}/disable_ipv6", "1")
        self._outside.set_link(outer, up=True, alias=f"kilonova {self._own.tag} network {plan.network_id}")
        self._outside.set_addresses(outer, [f"{pair.outside}/31"])
        uplink = inner.present(translation.UPLINK)
        inner.set_link(uplink, up=True)
        inner.set_addresses(uplink, [f"{pair.router}/31"])
        inner.add_route("0.0.0.0/0", gateway=pair.outside, oif=uplink.index)
        self._ensure_routes(plan, outer.index, pair.router)

    def _ensure_routes(self, plan: NetworkPlan, uplink: int, gateway: str) -> None:
        if not plan.routed:
            return
        routes = self._outside.routes()
        present = {route.destination for route in routes if route.out == uplink}
        for cidr in uplinks.reachable((subnet.cidr for subnet in plan.subnets), routes, uplink):
            if cidr not in present:
                self._outside.add_route(cidr, gateway=gateway, oif=uplink, proto=names.ROUTE_PROTOCOL)

    def ensure_outside(self) -> LinkRange:
        """Hold a range of link addresses and masquerade it; the same range as long as this agent has a network."""
        kept = self._records.link_range()
        if kept is not None and self._holds(kept):
            return kept
        with self._namespaces.alone():
            if kept is None:
                cidr = uplinks.choose_range(self._own.tag, self._outside.routes())
                kept = LinkRange(cidr=cidr, forwarding_was=_forwarding_before())
                self._records.keep_link_range(kept)
            # The rules also say, for the last agent on the machine that leaves, whether it forwarded packets before the
            # first one came. The blackhole goes last: where it is, the rest is.
            comment = f"{_COMMENT}{kept.forwarding_was}"
            table = self._own.outside_table
            dns = resolvers.host_resolvers()
            rules = translation.outside_rules(table, kept.cidr, comment, enclosed=self._enclosed, resolvers=dns)
            apply_rules(rules)
            write_setting(FORWARDING, "1")
            self._outside.add_blackhole(kept.cidr, names.ROUTE_PROTOCOL)
        return kept

    def _holds(self, kept: LinkRange) -> bool:
        return kept.cidr in {route.destination for route in self._outside.routes()}

    def remove(self, network_id: str) -> None:
        """Remove a network's pieces; those that are gone already are no error."""
        self._done.pop(network_id, None)
        self._outside.remove_link(self._own.uplink(network_id))
        if self._own.hub in self._namespaces.present():
            hub = self.netlink(self._own.hub)
            hub.remove_link(names.router_leg(network_id))
            hub.remove_link(names.bridge(network_id))
        self.remove_namespace(self._own.router(network_id))

    def remove_namespace(self, name: str) -> None:
        if name in self._namespaces.present():
            if conversation := self._conversations.pop(self._namespaces.inode(name), None):
                conversation.close()
            self._ruled.pop(name, None)
        self._namespaces.remove(name)

    def remove_everything(self) -> None:
        """Remove every namespace, link, route and table of this agent, whatever the records say."""
        for name, link in self._outside.links().items():
            if link.alias.startswith(f"kilonova {self._own.tag} "):
                self._outside.remove_link(name)
        for name in self._namespaces.present():
            if self._own.is_ours(name):
                self.remove_namespace(name)
        self.release_outside()

    def release_outside(self) -> None:
        """Give back what the outside holds for this agent."""
        kept = self._records.link_range()
        if kept is None:
            return
        self._outside.remove_blackhole(kept.cidr, names.ROUTE_PROTOCOL)
        with self._namespaces.alone():
            apply_rules(Table.removal("ip", self._own.outside_table))
            if kept.forwarding_was == "0" and not _other_tables():
                write_setting(FORWARDING, "0")
        self._records.forget_link_range()


_COMMENT = "kilonova; ip_forward was "


def _other_tables() -> dict[str, str]:
    """Outside tables of Kilonova's agents on this machine -> what forwarding was before them."""
    listed = json.loads(run("nft", "-j", "list", "tables", "ip"))["nftables"]
    tables = [item["table"]["name"] for item in listed if "table" in item]
    return {name: _table_comment(name) for name in tables if name.startswith("kilonova_")}


def _table_comment(name: str) -> str:
    words = run("nft", "list", "table", "ip", name)
    return "0" if f"{_COMMENT}0" in words else "1"


def _forwarding_before() -> str:
    """What the machine's forwarding was before any agent came: another one may have switched it on already."""
    others = _other_tables().values()
    if others:
        return "0" if "0" in others else "1"
    return (links.SETTINGS / FORWARDING).read_text().strip()


def _require_bridge_filter() -> None:
    """Without br_netfilter no security group would hold, so nothing is wired.

    Loading it also makes it filter bridges that the machine has already; those are left as they were.
    """
    if (links.SETTINGS / BRIDGE_FILTER).exists():
        return
    try:
        run("modprobe", "br_netfilter")
    except (OSError, WiringFailed) as error:
        raise HostUnfit(f"the kernel lacks br_netfilter, which security groups need: {error}") from error
    for protocol in ("iptables", "ip6tables", "arptables"):
        write_setting(f"bridge/bridge-nf-call-{protocol}", "0")


def _set_up_hub() -> None:
    for protocol in ("iptables", "ip6tables", "arptables"):
        write_setting(f"bridge/bridge-nf-call-{protocol}", "0" if protocol == "arptables" else "1")
    for scope in ("all", "default"):
        write_setting(f"ipv6/conf/{scope}/disable_ipv6", "1")


def _set_up_router() -> None:
    write_setting(FORWARDING, "1")
    # No address but the ones we give: duplicate address detection would only delay them.
    write_setting(f"ipv6/conf/{translation.INSIDE}/accept_dad", "0")
    write_setting(f"ipv6/conf/{translation.UPLINK}/disable_ipv6", "1")


def _gateway_addresses(plan: NetworkPlan) -> list[str]:
    """The router's addresses on the guests' wire: every gateway, and the metadata address, which some hold on-link."""
    gateways = [
        f"{subnet.gateway_ip}/{ipaddress.ip_network(subnet.cidr, strict=False).prefixlen}"
        for subnet in plan.subnets
        if subnet.gateway_ip
    ]
    return [*gateways, f"{names.METADATA_ADDRESS}/32"]
