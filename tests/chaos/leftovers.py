"""Looks at a cloud that has come to rest, from every side, and names whatever is left over or does not fit.

The cells' databases are read from outside, placement and network by their APIs, hosts by what is on their disks,
guests by the simulated driver's journals and by /proc.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloud.joined import JoinedHost
from cloud.simulated import PARTS, SimulatedCloud
from cloud.waiting import WaitedInVain, wait_until
from kilonova_driver.types.guests import Power

_OPEN = "('queued', 'running', 'undoing')"
_RESTS = frozenset({"active", "stopped", "paused", "deleted", "error"})
_POWER = {"active": Power.ON, "stopped": Power.OFF, "paused": Power.PAUSED}


def open_actions(cloud: SimulatedCloud) -> list[str]:
    """Every action that has not ended, with what it is at."""
    found = []
    for cell in cloud.cell_names():
        for (record,) in cloud.rows(cell, f"select record from actions where state in {_OPEN}"):
            action = json.loads(record)
            lines = cloud.rows(cell, f"select record from action_lines where action_id = '{action['id']}'")
            found.append(f"{cell}: {action['verb']} {action['server_id']} is {action.get('state')}: {lines}")
    return found


def all_servers(cloud: SimulatedCloud) -> dict[str, dict[str, Any]]:
    """The truth: every server of every cell, the deleted ones too."""
    rows = [row for cell in cloud.cell_names() for row in cloud.rows(cell, "select record from servers")]
    return {server["id"]: server for server in (json.loads(record) for (record,) in rows)}


def rest(cloud: SimulatedCloud, within: float) -> str:
    """Wait until no action is open; what is, if it does not end."""
    try:
        wait_until("every action to end", lambda: not open_actions(cloud), within=within)
        wait_until("the index to catch up", lambda: not any(_outbox(cloud)), within=60.0)
    except WaitedInVain as vain:
        return f"{vain}\n" + "\n".join([*open_actions(cloud)[:5], *map(str, _outbox(cloud))])
    return ""


def _outbox(cloud: SimulatedCloud) -> list[int]:
    return [cloud.rows(cell, "select count(*) from outbox")[0][0] for cell in cloud.cell_names()]


def problems(cloud: SimulatedCloud, joined: list[JoinedHost], *, patience: float = 20.0) -> list[str]:
    """What is wrong now. What a host reports from time to time is given ``patience`` seconds to come right."""
    give_up = time.monotonic() + patience
    while True:
        found = list(_problems(cloud, joined))
        if not found or time.monotonic() > give_up:
            return found
        time.sleep(0.5)


def _problems(cloud: SimulatedCloud, joined: list[JoinedHost]) -> Iterator[str]:
    servers = all_servers(cloud)
    yield from _unsettled(servers)
    yield from _journals(cloud)
    yield from _index(cloud, servers)
    yield from _claims(cloud, servers)
    yield from _ports(cloud, servers)
    yield from _hosts(cloud, servers)
    for host in joined:
        yield from _real_guests(host, servers)
    yield from (f"a guest on two hosts: {line}" for line in cloud.doubles())
    yield from _processes(cloud)


def living(servers: dict[str, dict[str, Any]]) -> set[str]:
    return {one["id"] for one in servers.values() if one.get("vm_state") in _POWER}


def _here(servers: dict[str, dict[str, Any]], host: str) -> dict[str, dict[str, Any]]:
    """The servers that should have a guest on this host."""
    return {one: servers[one] for one in living(servers) if servers[one].get("host") == host}


def _unsettled(servers: dict[str, dict[str, Any]]) -> Iterator[str]:
    for server in servers.values():
        state = server.get("vm_state", "building")
        if state not in _RESTS or server.get("task_state"):
            yield f"server {server['id']} is {state}, task {server.get('task_state')}"
        if state == "error" and not (server.get("fault") or {}).get("message"):
            yield f"server {server['id']} is in error without a reason"


def _journals(cloud: SimulatedCloud) -> Iterator[str]:
    for cell in cloud.cell_names():
        for server_id, action_id in cloud.rows(cell, "select server_id, action_id from server_locks"):
            yield f"{cell}: server {server_id} is still locked by action {action_id}"
        for (record,) in cloud.rows(cell, "select record from actions where state = 'failed'"):
            action = json.loads(record)
            if not action.get("message"):
                yield f"{cell}: action {action['verb']} of {action['server_id']} failed without a reason"
    yield from open_actions(cloud)


def _index(cloud: SimulatedCloud, servers: dict[str, dict[str, Any]]) -> Iterator[str]:
    listed = {one.id for one in cloud.admin.servers("all_tenants=1&limit=1000")}
    alive = {one["id"] for one in servers.values() if one.get("vm_state") != "deleted"}
    yield from (f"server {one} is listed and does not exist" for one in sorted(listed - alive))
    yield from (f"server {one} exists and is not listed" for one in sorted(alive - listed))


def _claims(cloud: SimulatedCloud, servers: dict[str, dict[str, Any]]) -> Iterator[str]:
    owners: dict[str, dict[str, Any]] = {}
    for claim in cloud.claims_of():
        if claim["state"] == "held":  # it expires by itself, and that is waited for at the end
            continue
        owner = claim["owner"]["name"].partition(":")[2]
        if owner in owners:
            yield f"server {owner} has two claims"
        owners[owner] = claim
    alive = living(servers)
    for one in sorted(owners.keys() - alive):
        yield f"a claim is left of server {one}, {(servers.get(one) or {}).get('vm_state', 'which never was')}"
    for one in sorted(alive - owners.keys()):
        yield f"server {one} has no claim"
    for one in sorted(alive & owners.keys()):
        if owners[one]["host"] != servers[one]["host"]:
            yield f"server {one} is on {servers[one]['host']}, its claim on {owners[one]['host']}"


def _ports(cloud: SimulatedCloud, servers: dict[str, dict[str, Any]]) -> Iterator[str]:
    ports = [
        one for one in cloud.admin.get("/network/v2.0/ports")["ports"] if one["device_owner"].startswith("compute:")
    ]
    devices = [one["device_id"] for one in ports]
    alive = living(servers)
    yield from (f"a port is left of server {one}" for one in sorted(set(devices) - alive))
    yield from (f"server {one} has no port" for one in sorted(alive - set(devices)))
    yield from (f"server {one} has {devices.count(one)} ports" for one in sorted(alive) if devices.count(one) > 1)


def _hosts(cloud: SimulatedCloud, servers: dict[str, dict[str, Any]]) -> Iterator[str]:
    for host in cloud.all_hosts():
        here = {
            one["id"]: one for one in servers.values() if one.get("host") == host.name and one["id"] in living(servers)
        }
        guests = host.guests()
        yield from (f"{host.name} still has guest {one}" for one in sorted(guests.keys() - here.keys()))
        yield from (f"{host.name} lost guest {one}" for one in sorted(here.keys() - guests.keys()))
        for one in sorted(here.keys() & guests.keys()):
            if guests[one] is not _POWER[here[one]["vm_state"]]:
                yield f"guest {one} on {host.name} is {guests[one]}, its server {here[one]['vm_state']}"
        for room, ending in (("guests", ".json"), ("config-drives", "")):
            names = {path.name.removesuffix(ending).partition(".")[0] for path in (host.data / room).glob("*")}
            yield from (f"{host.name} keeps {room}/{one}" for one in sorted(names - here.keys()))


def _real_guests(host: JoinedHost, servers: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Disks, processes and taps of a host with QEMU guests."""
    here = _here(servers, host.name)
    homes = {path.name for path in (host.data / "driver" / "guests").glob("*")}
    yield from (f"{host.name} keeps the disks of {one}" for one in sorted(homes - here.keys()))
    yield from (f"{host.name} has no disks of {one}" for one in sorted(here.keys() - homes))
    run = {one for one in here if here[one]["vm_state"] in ("active", "paused")}
    seen = [guest for command in commands_with("qemu-system") for guest in _guests_in(command) if guest in servers]
    yield from (f"{host.name}: a QEMU process of {one} is left" for one in sorted(set(seen) - run))
    yield from (f"{host.name}: no QEMU process of {one}" for one in sorted(run - set(seen)))
    yield from (f"{host.name}: {seen.count(one)} QEMU processes of {one}" for one in run if seen.count(one) > 1)
    ports = {path.name for path in (host.data / "network").rglob("port-*.json")}
    if len(ports) != len(here):
        yield f"{host.name}: {len(ports)} wired ports for {len(here)} guests"


def _guests_in(command: str) -> list[str]:
    """The guest of a QEMU process, from its ``-name``."""
    return re.findall(r"\bguest=([0-9a-f-]{36})\b", command)


def _processes(cloud: SimulatedCloud) -> Iterator[str]:
    for part in PARTS:
        if len(cloud.processes(part)) != 1:
            yield f"{len(cloud.processes(part))} processes of {part}"
    known = {note.pid for part in PARTS for note in cloud.processes(part)}
    for pid in pids_with(str(cloud.folder.root)) - known:
        yield f"process {pid} is left over: {_command(pid)[:200]}"


def pids_with(words: str) -> set[int]:
    """The processes whose command line holds these words."""
    return {int(path.name) for path in Path("/proc").glob("[0-9]*") if words in _command(int(path.name))}


def commands_with(words: str) -> list[str]:
    return [_command(pid) for pid in pids_with(words)]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
