"""What the host network needs of a machine, each with the one line that mends it: for ``kilonova doctor``.

Only looks; changes nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from kilonova_agent.network import expressions as nft
from kilonova_agent.network.expressions import Json
from kilonova_agent.network.links import TUN_DEVICE

_TOOLS = {
    "ip": "iproute2",
    "nft": "nftables",
    "dnsmasq": "dnsmasq-base",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
#: An ordinary user's PATH lacks the directories of nft and dnsmasq.
_SYSTEM = "/usr/sbin:/sbin"
_USER_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
_DEBIAN_SWITCH = Path("/proc/sys/kernel/unprivileged_userns_clone")
_UBUNTU_SWITCH = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked for; ``mend`` is a command line or a sentence, empty when ``met``. Not all are ``needed``."""

    name: str
    met: bool
    detail: str = ""
    mend: str = ""
    needed: bool = True


def host_requirements() -> tuple[Requirement, ...]:
    """Everything, met or not, in the order in which it should be mended."""
    root = os.geteuid() == 0
    found = [_tool(tool, package) for tool, package in _TOOLS.items()]
    found += [_tun(), *(() if root else (_user_namespaces(), _way_out()))]
    if all(requirement.met for requirement in found if requirement.needed):
        found += _kernel(root)
    mode = "as root" if root else "in a user namespace"
    return (Requirement(name="privileges", met=True, detail=f"the host network runs {mode}"), *found)


def _tool(name: str, package: str) -> Requirement:
    path = shutil.which(name) or shutil.which(name, path=_SYSTEM)
    return Requirement(
        name=name,
        met=path is not None,
        detail=path or "not found",
        mend="" if path else f"apt-get install -y {package}",
    )


def _tun() -> Requirement:
    if not TUN_DEVICE.exists():
        return Requirement(name="tun", met=False, detail=f"no {TUN_DEVICE}", mend="modprobe tun")
    usable = os.access(TUN_DEVICE, os.R_OK | os.W_OK)
    detail = "usable" if usable else f"{TUN_DEVICE} is closed to this user"
    return Requirement(name="tun", met=usable, detail=detail, mend="" if usable else f"chmod 0666 {TUN_DEVICE}")


def _user_namespaces() -> Requirement:
    tried = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "--mount", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    met = tried.returncode == 0
    detail = "allowed" if met else tried.stderr.strip()
    return Requirement(name="user namespaces", met=met, detail=detail, mend="" if met else _user_namespace_mend())


def _user_namespace_mend() -> str:
    if _USER_NAMESPACES.exists() and _USER_NAMESPACES.read_text().strip() == "0":
        return "sysctl -w user.max_user_namespaces=15000"
    if _DEBIAN_SWITCH.exists() and _DEBIAN_SWITCH.read_text().strip() == "0":
        return "sysctl -w kernel.unprivileged_userns_clone=1"
    if _UBUNTU_SWITCH.exists() and _UBUNTU_SWITCH.read_text().strip() == "1":
        return "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    return "run as root: this system gives ordinary users no namespaces"


def _way_out() -> Requirement:
    path = shutil.which("pasta")
    detail = path or "without pasta guests reach each other, but nothing outside"
    return Requirement(
        name="pasta", met=path is not None, detail=detail, mend="" if path else "apt-get install -y passt", needed=False
    )


def _kernel(root: bool) -> Iterator[Requirement]:
    """Try each kernel feature in a network namespace that ends with the try."""
    bridges = _attempt(root, "ip link add k0 type bridge && ip link add k1 type veth peer name k2")
    yield _feature("bridge and veth", bridges, "modprobe -a bridge veth")
    filtered = _attempt(root, "ip link add k0 type bridge && test -e /proc/sys/net/bridge/bridge-nf-call-iptables")
    yield bridge_filter(filtered, loadable=root and filtered is not None and _loadable("br_netfilter"))
    for hook in ("ingress", "egress"):
        yield _feature(f"nftables netdev {hook}", _attempt_rules(root, _netdev(hook)), "a kernel of 5.16 or newer")
    yield _feature("nftables conntrack zones", _attempt_rules(root, _zones()), "modprobe nft_ct")
    yield _feature("nftables masquerade", _attempt_rules(root, _masquerade()), "modprobe -a nft_masq nft_chain_nat")


def bridge_filter(words: str | None, *, loadable: bool) -> Requirement:
    """The agent loads this module itself where it may, which is as root."""
    if words is not None and loadable:
        return Requirement(name="br_netfilter", met=True, detail="will be loaded for the first guest")
    return _feature("br_netfilter", words, "modprobe br_netfilter")


def _loadable(module: str) -> bool:
    program = shutil.which("modprobe") or shutil.which("modprobe", path=_SYSTEM)
    return (
        program is not None and subprocess.run([program, "--dry-run", "--quiet", module], check=False).returncode == 0
    )


def _feature(name: str, words: str | None, mend: str) -> Requirement:
    return Requirement(name=name, met=words is None, detail=words or "works", mend="" if words is None else mend)


def _attempt(root: bool, script: str, text: str = "") -> str | None:
    """None if the script works in a namespace of its own, else its words."""
    own = ("unshare", "--net") if root else ("unshare", "--user", "--map-root-user", "--net")
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM}"}
    done = subprocess.run(
        [*own, "sh", "-c", script], input=text, capture_output=True, text=True, check=False, env=environment
    )
    return None if done.returncode == 0 else (done.stderr.strip() or f"status {done.returncode}")


def _attempt_rules(root: bool, commands: list[Json]) -> str | None:
    text = msgspec.json.encode({"nftables": commands}).decode()
    return _attempt(root, "ip link add k1 type veth peer name k2 && nft -j -f -", text)


def _netdev(hook: str) -> list[Json]:
    table = nft.Table("netdev", "try")
    table.hook("try", hook=hook, priority=0, device="k1", rules=[[nft.ACCEPT]])
    return table.commands


def _zones() -> list[Json]:
    table = nft.Table("inet", "try")
    table.hook("try", hook="prerouting", priority=-300, rules=[[nft.set_value(nft.conntrack("zone"), 1)]])
    return table.commands


def _masquerade() -> list[Json]:
    table = nft.Table("ip", "try")
    table.hook("try", hook="postrouting", priority=100, kind="nat", rules=[[{"masquerade": None}]])
    return table.commands
