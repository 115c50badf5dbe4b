"""Links, addresses and routes of a namespace over netlink. Every function looks first and changes only what differs."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from pyroute2.iproute.linux import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from kilonova_agent.network.errors import HostUnfit
from kilonova_agent.network.namespaces import Namespaces

SETTINGS = Path("/proc/sys/net")
TUN_DEVICE = Path("/dev/net/tun")
_IFF_TAP, _IFF_NO_PI, _IFF_UP = 0x0002, 0x1000, 0x1
_TUNSETIFF, _TUNSETPERSIST, _TUNSETOWNER = 0x400454CA, 0x400454CB, 0x400454CC
# pyroute2 declares no types.
_NETLINK: Any = IPRoute
_IPV4 = 2
_ENODEV = 19
_UNICAST, _BLACKHOLE = 1, 6


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel says about a link."""

    index: int
    name: str
    up: bool
    mtu: int
    master: int
    alias: str


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An IPv4 route of any table; ``out`` is the index of its link, 0 where it has none."""

    destination: str
    protocol: int
    out: int


class Netlink:
    """Conversations with the kernel about one namespace."""

    def __init__(self) -> None:
        self._socket: Any = _NETLINK()

    def close(self) -> None:
        self._socket.close()

    def links(self) -> dict[str, Link]:
        found = [_link(message) for message in self._socket.get_links()]
        return {link.name: link for link in found}

    def link(self, name: str) -> Link | None:
        """The link of that name; None if there is none."""
        try:
            return _link(self._socket.link("get", ifname=name)[0])
        except NetlinkError as error:
            if error.code != _ENODEV:
                raise
            return None

    def present(self, name: str) -> Link:
        """The link of that name; LookupError if it has gone meanwhile."""
        link = self.link(name)
        if link is None:
            raise LookupError(f"link {name} is gone")
        return link

    def set_link(self, link: Link, **wanted: Any) -> None:
        """Change what differs: ``mtu``, ``master`` (index), ``alias``, ``up``."""
        change: dict[str, Any] = {
            key: value for key, value in wanted.items() if key != "up" and getattr(link, key) != value
        }
        if "alias" in change:
            change["ifalias"] = change.pop("alias")
        if "up" in wanted and wanted["up"] != link.up:
            change["state"] = "up" if wanted["up"] else "down"
        if change:
            self._socket.link("set", index=link.index, **change)

    def remove_link(self, name: str) -> None:
        link = self.link(name)
        if link is None:
            return
        try:
            self._socket.link("del", index=link.index)
        except NetlinkError as error:
            if error.code != _ENODEV:  # its other end took it along
                raise

    def ensure_bridge(self, name: str, mtu: int) -> Link:
        if self.link(name) is None:
            self._socket.link("add", ifname=name, kind="bridge", br_forward_delay=0, br_stp_state=0)
        link = self.present(name)
        self.set_link(link, mtu=mtu, up=True)
        return link

    def add_pair(self, name: str, peer: str, peer_namespace: Path, peer_mac: str = "") -> None:
        end: dict[str, Any] = {"ifname": peer, "net_ns_fd": str(peer_namespace)}
        if peer_mac:
            end["address"] = peer_mac
        self._socket.link("add", ifname=name, kind="veth", peer=end)

    def addresses(self, link: Link) -> set[str]:
        """The addresses of a link with their prefix lengths, without the kernel's own link-local ones."""
        found = set()
        for message in self._socket.get_addr(index=link.index):
            attributes = dict(message["attrs"])
            address = attributes.get("IFA_LOCAL", attributes.get("IFA_ADDRESS"))
            found.add(f"{address}/{message['prefixlen']}")
        return {address for address in found if not address.startswith("fe80:")}

    def set_addresses(self, link: Link, wanted: Iterable[str]) -> None:
        wanted_set, present = set(wanted), self.addresses(link)
        for address in present - wanted_set:
            host, _, length = address.partition("/")
            self._socket.addr("del", index=link.index, address=host, prefixlen=int(length))
        for address in wanted_set - present:
            host, _, length = address.partition("/")
            self._socket.addr("add", index=link.index, address=host, prefixlen=int(length))

    def routes(self) -> list[Route]:
        """Every IPv4 route but the default ones and those to this machine's own addresses."""
        return [route for message in self._socket.get_routes(family=_IPV4) if (route := _route(message)) is not None]

    def add_route(self, destination: str, **place: Any) -> None:
        self._socket.route("replace", dst=destination, **place)

    def add_blackhole(self, destination: str, protocol: int) -> None:
        self._socket.route("replace", dst=destination, type="blackhole", proto=protocol)

    def remove_blackhole(self, destination: str, protocol: int) -> None:
        try:
            self._socket.route("del", dst=destination, type="blackhole", proto=protocol)
        except NetlinkError as error:
            if error.code != 3:  # ESRCH: no such route
                raise


def _link(message: Any) -> Link:
    attributes = dict(message["attrs"])
    return Link(
        index=message["index"],
        name=attributes["IFLA_IFNAME"],
        up=bool(message["flags"] & _IFF_UP),
        mtu=attributes.get("IFLA_MTU", 0),
        master=attributes.get("IFLA_MASTER", 0),
        alias=attributes.get("IFLA_IFALIAS") or "",
    )


def _route(message: Any) -> Route | None:
    attributes = dict(message["attrs"])
    destination = attributes.get("RTA_DST")
    if destination is None or message["type"] not in (_UNICAST, _BLACKHOLE):
        return None
    return Route(
        destination=f"{destination}/{message['dst_len']}",
        protocol=message["proto"],
        out=attributes.get("RTA_OIF", 0),
    )


def make_tap(namespaces: Namespaces, namespace: str, name: str, owner: tuple[int, int] | None) -> None:
    """Make a persistent tap, or find it, and give it to ``owner`` (uid, gid) so that it needs no privilege to open."""
    namespaces.inside(namespace, lambda: _make_tap(name, owner))


def _make_tap(name: str, owner: tuple[int, int] | None) -> None:
    request = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI)
    try:
        descriptor = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise HostUnfit(f"cannot open {TUN_DEVICE}: {error.strerror}") from error
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, request)
        fcntl.ioctl(descriptor, _TUNSETPERSIST, 1)
        if owner is not None:
            fcntl.ioctl(descriptor, _TUNSETOWNER, owner[0])
    finally:
        os.close(descriptor)


def write_setting(path: str, value: str) -> None:
    """Set a network sysctl of this thread's namespace, if it differs; one that the kernel lacks is no error."""
    setting = SETTINGS / path
    if setting.exists() and setting.read_text().strip() != value:
        setting.write_text(value)
