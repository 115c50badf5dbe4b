"""Neighbours, placement and hosts in memory: they speak the public APIs and messages that the real ones speak.

Each outlives a restart of the control plane, as the real ones do. ``pulse`` is called after every effect, so that a
test may stop the control plane right there: the effect has happened and nobody was told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from kilonova_driver.types.guests import Diagnostics
from kilonova_kit.errors import NotFound, Unavailable
from kilonova_kit.http.client import Reply, StreamedReply
from kilonova_kit.ids import new_uuid
from kilonova_messages.asks import ImageState
from kilonova_messages.reports import GuestState
from kilonova_messages.steps import EnsureGuest, RemoveGuest, StepError, StepReport, StepRequest
from kilonova_messages.wishes import GuestWish, ImageSource, PortWiring

Pulse = Callable[[], Awaitable[None]]


async def no_pulse() -> None:
    """Nothing happens."""


def answer(status: int, body: Any = None) -> Reply:
    return Reply(status, {}, b"" if body is None else msgspec.json.encode(body))


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in ():
        yield chunk


class FakeService:
    """A transport to a service in memory. ``asked`` are the requests it got."""

    def __init__(self) -> None:
        self.pulse: Pulse = no_pulse
        self.asked: list[tuple[str, str]] = []
        self.away = False

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self.asked.append((method, path))
        if self.away:
            return answer(503, {"message": "away"})
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        segments = [unquote(segment) for segment in parts.path.strip("/").split("/")]
        reply = self.answer(method, segments, query, msgspec.json.decode(body) if body else None)
        if method != "GET":
            await self.pulse()
        return reply

    def answer(self, method: str, path: list[str], query: dict[str, list[str]], body: Any) -> Reply:
        return answer(404, {"message": f"no {'/'.join(path)}"})

    async def stream(self, method: str, path: str, headers: Mapping[str, str]) -> StreamedReply:
        return StreamedReply(404, {}, _nothing())

    async def close(self) -> None:
        """Nothing to close."""


class FakeNetwork(FakeService):
    """Networks, subnets, ports and security groups."""

    def __init__(self) -> None:
        super().__init__()
        self.networks: dict[str, dict[str, Any]] = {}
        self.ports: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self._made = 0
        self.network_id = self.add_network("private")
        for project in ("red", "blue", "admins"):
            self.add_group("default", project)

    def add_network(self, name: str, **more: Any) -> str:
        identifier = new_uuid()
        self.networks[identifier] = {
            "id": identifier, "name": name, "project_id": "admins", "shared": True, "subnets": [f"{identifier}-subnet"],
            "mtu": 1450, "router:external": False, **more,
        }  # fmt: skip
        return identifier

    def add_group(self, name: str, project: str) -> str:
        identifier = new_uuid()
        rule = {
            "id": new_uuid(), "security_group_id": identifier, "direction": "ingress", "ethertype": "IPv4",
            "protocol": "tcp", "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": None,
            "remote_group_id": None, "project_id": project,
        }  # fmt: skip
        self.groups[identifier] = {
            "id": identifier, "name": name, "project_id": project, "description": "", "security_group_rules": [rule]
        }  # fmt: skip
        return identifier

    def add_port(self, **values: Any) -> dict[str, Any]:
        self._made += 1
        identifier, network = new_uuid(), values.get("network_id") or self.network_id
        default = [one["id"] for one in self.groups.values() if one["project_id"] == values.get("project_id")][:1]
        port = {
            "id": identifier, "name": "", "network_id": network, "mac_address": f"fa:16:3e:00:00:{self._made:02x}",
            "project_id": "", "device_id": "", "device_owner": "", "admin_state_up": True, "status": "ACTIVE",
            "security_groups": default, "allowed_address_pairs": [], "port_security_enabled": True,
            "binding:host_id": "", "binding:profile": {}, **values,
            "fixed_ips": [{"subnet_id": f"{network}-subnet", "ip_address": f"10.0.0.{self._made}"}],
        }  # fmt: skip
        self.ports[identifier] = port
        return port

    def answer(self, method: str, path: list[str], query: dict[str, list[str]], body: Any) -> Reply:
        match method, path[1:]:
            case "GET", ["networks"]:
                return answer(200, {"networks": _chosen(self.networks, query)})
            case "GET", ["subnets"]:
                return answer(200, {"subnets": [_subnet(one) for one in query.get("id", [])]})
            case "GET", ["security-groups"]:
                return answer(200, {"security_groups": _chosen(self.groups, query)})
            case "GET", ["ports"]:
                return answer(200, {"ports": _chosen(self.ports, query)})
            case "POST", ["ports"]:
                return answer(201, {"port": self.add_port(**body["port"])})
            case _, ["ports", identifier]:
                return self._port(method, identifier, body)
        return answer(404, {"NeutronError": {"message": "not found"}})

    def _port(self, method: str, identifier: str, body: Any) -> Reply:
        if identifier not in self.ports:
            return answer(404, {"NeutronError": {"message": f"Port {identifier} could not be found."}})
        if method == "DELETE":
            del self.ports[identifier]
            return answer(204)
        if method == "PUT":
            self.ports[identifier].update(body["port"])
        return answer(200, {"port": self.ports[identifier]})


def _subnet(identifier: str) -> dict[str, Any]:
    return {"id": identifier, "cidr": "10.0.0.0/24", "ip_version": 4, "gateway_ip": "10.0.0.254"}


def _chosen(things: dict[str, dict[str, Any]], query: dict[str, list[str]]) -> list[dict[str, Any]]:
    wanted = {name: values for name, values in query.items() if name != "fields"}
    return [one for one in things.values() if all(_matches(one.get(n), v) for n, v in wanted.items())]


def _matches(have: Any, wanted: list[str]) -> bool:
    return any(one in wanted for one in have) if isinstance(have, list) else have in wanted


class FakeImages(FakeService):
    """Images by id."""

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[str, dict[str, Any]] = {}
        self.image_id = self.add()

    def add(self, **more: Any) -> str:
        identifier = new_uuid()
        self.images[identifier] = {
            "id": identifier, "name": "tiny", "status": "active", "disk_format": "qcow2", "size": 1024,
            "virtual_size": 2048, "os_hash_algo": "sha512", "os_hash_value": "ab", "min_disk": 0, "min_ram": 0, **more,
        }  # fmt: skip
        return identifier

    def answer(self, method: str, path: list[str], query: dict[str, list[str]], body: Any) -> Reply:
        found = self.images.get(path[-1])
        return answer(200, found) if found else answer(404, {"message": "no such image"})


class FakePlacement(FakeService):
    """Claims, by the native API; hosts are taken in their order."""

    def __init__(self, hosts: Mapping[str, str]) -> None:
        super().__init__()
        self.hosts = dict(hosts)  # name -> cell; the id is the name with "id-" before it
        self.claims: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []  # as they were claimed
        self.failed: list[str] = []  # ids of hosts of which failed builds were told
        self.images: dict[str, list[str]] = {}  # by the id of a host: what it was said to have at hand

    def live(self) -> list[dict[str, Any]]:
        return [claim for claim in self.claims.values() if claim["state"] != "released"]

    def expire_held(self) -> None:
        """The time that claims are held for is over."""
        for claim in self.claims.values():
            if claim["state"] == "held":
                claim["state"] = "released"

    def answer(self, method: str, path: list[str], query: dict[str, list[str]], body: Any) -> Reply:
        match method, path[2:]:
            case "POST", ["claims"]:
                return self._claim(body)
            case "GET", ["claims"]:
                owner = query.get("owner", [""])[0]
                return answer(200, {"claims": [one for one in self.live() if owner in ("", one["owner"]["name"])]})
            case "GET", ["claims", identifier] if identifier in self.claims:
                return answer(200, self.claims[identifier])
            case "GET", ["usage"]:
                return answer(200, {"usage": self._usage(query["project_id"][0])})
            case "GET", ["providers"]:
                return answer(200, {"providers": [self._provider(name) for name in self.hosts]})
            case "PUT", ["claims", identifier, "bind"]:
                return self._bind(identifier)
            case "PATCH", ["providers", identifier] if body.get("attributes", {}).get("failed_builds"):
                self.failed.append(identifier)
                return answer(200, self._provider(identifier.removeprefix("id-"))["provider"])
            case "PATCH", ["providers", identifier] if "images" in body.get("attributes", {}) and self._is_host(
                identifier
            ):
                self.images[identifier] = body["attributes"]["images"]
                return answer(200, self._provider(identifier.removeprefix("id-"))["provider"])
            case "DELETE", ["claims", identifier]:
                if identifier in self.claims:
                    self.claims[identifier]["state"] = "released"
                return answer(204)
        return answer(404, {"errors": [{"detail": "not found", "code": "placement.undefined_code"}]})

    def _is_host(self, identifier: str) -> bool:
        return identifier.removeprefix("id-") in self.hosts

    def _claim(self, body: Any) -> Reply:
        self.requests.append(body["request"])
        place = body["request"].get("place", {})
        fitting = [name for name in self.hosts if name not in place.get("not_hosts", ())]
        fitting = [name for name in fitting if place.get("host") in (None, "", name)]
        fitting = [name for name in fitting if place.get("cell") in (None, "", self.hosts[name])]
        if not fitting:
            explanation = {"hosts": len(self.hosts), "fits": 0, "constraints": []}
            error = {"status": 409, "title": "Conflict", "detail": "none", "code": "x", "request_id": "r"}
            return answer(409, {"errors": [error], "explanation": explanation})
        if any(self.claims.get(one, {}).get("state") == "released" for one in body["claim_ids"]):
            return answer(409, {"errors": [{"detail": "released before", "code": "placement.claim_released"}]})
        owners = body["owners"]
        for number, identifier in enumerate(body["claim_ids"]):
            owner = owners[number] if len(owners) > 1 else owners[0]
            self.claims.setdefault(identifier, self._new(identifier, owner, fitting[0], body["request"]))
        return answer(200, {"claims": [self.claims[one] for one in body["claim_ids"]]})

    def _new(self, identifier: str, owner: Any, host: str, request: Any) -> dict[str, Any]:
        amounts = [{"provider_id": f"id-{host}", "amounts": _asked_for(request)}]
        return {
            "claim_id": identifier, "host_id": f"id-{host}", "owner": owner, "state": "held", "host": host,
            "cell": self.hosts[host],
            "providers": amounts,
        }  # fmt: skip

    def _usage(self, project: str) -> dict[str, int]:
        owned = [claim for claim in self.live() if claim["owner"]["project_id"] == project]
        return dict(sum((Counter(part["amounts"]) for claim in owned for part in claim["providers"]), Counter()))

    def _provider(self, name: str) -> dict[str, Any]:
        identifier, here = f"id-{name}", [claim for claim in self.live() if claim["host"] == name]
        used = dict(sum((Counter(part["amounts"]) for claim in here for part in claim["providers"]), Counter()))
        return {
            "provider": {"provider_id": identifier, "name": name, "generation": 1, "root_id": identifier}, "used": used
        }  # fmt: skip

    def _bind(self, identifier: str) -> Reply:
        claim = self.claims.get(identifier)
        if claim is None or claim["state"] == "released":
            return answer(404, {"errors": [{"detail": "no such claim", "code": "placement.undefined_code"}]})
        claim["state"] = "bound"
        return answer(200, claim)


def _asked_for(request: Any) -> dict[str, int]:
    """All amounts of a request: a host of these tests has no parts."""
    amounts = Counter(request.get("resources", {}))
    amounts.update({one["resource_class"]: one.get("count", 1) for one in request.get("devices", ())})
    amounts.update({request["machine"]: 1} if request.get("machine") else {})
    for bundle in request.get("bundles", ()):
        amounts.update(bundle["resources"])
    numa = request.get("numa", {})
    for cell in numa.get("cells", ()):
        memory = numa.get("memory_classes", ["MEMORY_MB"])[0]
        cores = {"PCPU": cell.get("dedicated_cores", 0), "VCPU": cell.get("shared_cores", 0)}
        amounts.update({**cores, memory: cell["memory_mb"]})
    return {name: amount for name, amount in amounts.items() if amount}


class FakeHosts:
    """The hosts behind the bus: they run each step once, answer a repeated question alike, and report until heard.

    ``refusals`` maps a host's name to the error that its next steps end with; undoing is never refused.
    """

    def __init__(self) -> None:
        self.pulse: Pulse = no_pulse
        self.guests: dict[str, dict[str, str]] = {}  # host id -> guest id -> power
        self.generations: dict[str, int] = {}
        self.refusals: dict[str, StepError] = {}
        self.unheard: list[tuple[str, str, StepReport]] = []
        self._done: dict[str, StepReport] = {}
        #: Questions that stay in the host's inbox until ``open_inboxes``.
        self.hold = False
        self._inbox: list[tuple[str, str, StepRequest]] = []
        self.log = b"boot\nline two\nready\n"
        #: What hosts were told: (server id, ports) outside of steps, and (server id, wish) in them.
        self.wired: list[tuple[str, tuple[PortWiring, ...]]] = []
        self.wished: list[tuple[str, GuestWish]] = []
        #: Images that hosts were asked to have: (host id, source). What they answer is set per host; else they have it.
        self.asked_to_cache: list[tuple[str, ImageSource]] = []
        self.cache_answers: dict[str, ImageState | StepError | None] = {}  # None: the host does not answer

    def wishes(self, server_id: str) -> list[GuestWish]:
        return [wish for found, wish in self.wished if found == server_id]

    def all_guests(self) -> list[tuple[str, str, str]]:
        """(host id, guest id, power) of every guest."""
        return [(host, guest, power) for host, guests in self.guests.items() for guest, power in guests.items()]

    async def send_step(self, cell: str, host_id: str, request: StepRequest) -> None:
        if self.hold:
            self._inbox.append((cell, host_id, request))
        else:
            self._run(cell, host_id, request)
        await self.pulse()

    def open_inboxes(self) -> None:
        self.hold = False
        waiting, self._inbox = self._inbox, []
        for cell, host_id, request in waiting:
            self._run(cell, host_id, request)

    def _run(self, cell: str, host_id: str, request: StepRequest) -> None:
        if request.generation < self.generations.get(request.server_id, 0):
            return
        self.generations[request.server_id] = request.generation
        report = self._done.get(request.operation_id)
        if report is None:
            report = self._done[request.operation_id] = self._work(host_id, request)
        self.unheard.append((cell, host_id, report))

    def _work(self, host_id: str, request: StepRequest) -> StepReport:
        guests, guest = self.guests.setdefault(host_id, {}), request.server_id
        if (wish := getattr(request.step, "wish", None)) is not None:
            self.wished.append((guest, wish))
        error = self.refusals.get(host_id)
        removing = isinstance(request.step, RemoveGuest)
        if error is None or removing:
            _apply(guests, guest, request)
        elif isinstance(request.step, EnsureGuest):
            guests.setdefault(guest, "off")  # a build that failed half way
        refused = error if not removing else None
        return StepReport(
            operation_id=request.operation_id, action_id=request.action_id, server_id=guest,
            generation=request.generation, state="failed" if refused else "done", power=guests.get(guest, ""),
            error=refused,
        )  # fmt: skip

    async def console_log(self, cell: str, host_id: str, server_id: str, max_bytes: int) -> bytes:
        if server_id not in self.guests.get(host_id, {}):
            raise NotFound("no such guest")
        return self.log[-max_bytes:]

    async def diagnostics(self, cell: str, host_id: str, server_id: str) -> Diagnostics:
        return Diagnostics(
            power="on", driver="fake", hypervisor="fake", uptime_seconds=7, vcpus=1, memory_maximum_mib=128,
            memory_used_mib=64, cpu_time_ns=(5,),
        )  # fmt: skip

    async def wire_ports(self, cell: str, host_id: str, server_id: str, ports: tuple[PortWiring, ...]) -> None:
        self.wired.append((server_id, ports))

    async def cache_image(self, cell: str, host_id: str, source: ImageSource) -> ImageState | StepError:
        self.asked_to_cache.append((host_id, source))
        answered = self.cache_answers.get(host_id, ImageState(cached=True))
        if answered is None:
            raise Unavailable("silent")
        return answered

    def states(self, host_id: str) -> tuple[GuestState, ...]:
        return tuple(
            GuestState(guest_id=guest, generation=self.generations.get(guest, 0), power=power)
            for guest, power in self.guests.get(host_id, {}).items()
        )


_POWER_AFTER = {"ensure_guest": "on", "stop_guest": "off", "reboot_guest": "on", "pause_guest": "paused"}


def _apply(guests: dict[str, str], guest: str, request: StepRequest) -> None:
    tag = type(request.step).__struct_config__.tag
    if isinstance(request.step, RemoveGuest):
        guests.pop(guest, None)
    elif isinstance(request.step, EnsureGuest):
        guests[guest] = request.step.power
    else:
        guests[guest] = _POWER_AFTER.get(str(tag), "on")
