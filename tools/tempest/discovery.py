"""What Tempest must be told about a cloud, found by asking the cloud itself, as its administrator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec


class Auth(msgspec.Struct, frozen=True):
    """The ``auth`` of an entry in clouds.yaml."""

    auth_url: str
    username: str
    password: str
    project_name: str
    user_domain_id: str = "default"

    def __repr__(self) -> str:
        return f"Auth({self.auth_url}, {self.username})"


class CloudEntry(msgspec.Struct, frozen=True):
    """An entry of clouds.yaml: an administrator's."""

    auth: Auth
    region_name: str = "RegionOne"
    cacert: str = ""


class Clouds(msgspec.Struct, frozen=True):
    """The file clouds.yaml."""

    clouds: dict[str, CloudEntry]


class Found(msgspec.Struct, frozen=True):
    """What was found; empty where there is none. ``flavors``: the smallest two."""

    entry: CloudEntry
    services: frozenset[str]
    images: tuple[str, ...]
    flavors: tuple[str, ...]
    hosts: int
    public_network: tuple[str, str]
    shared_network: str
    network_extensions: tuple[str, ...]
    compute_version: str
    placement_version: str


def read_entry(path: Path, name: str) -> CloudEntry:
    """Raises SystemExit when the file holds no such cloud; ``name`` empty: the first whose user is ``admin``."""
    clouds = msgspec.yaml.decode(path.read_bytes(), type=Clouds).clouds
    for key, entry in clouds.items():
        if name in ("", key) and (name or entry.auth.username == "admin"):
            return entry
    raise SystemExit(f"{path} holds no cloud {name or 'of a user admin'}")


class Asker:
    """A client with a token of the administrator."""

    def __init__(self, entry: CloudEntry) -> None:
        self._client = httpx.Client(timeout=30.0, trust_env=False, verify=entry.cacert or True)
        reply = self._client.post(f"{entry.auth.auth_url}/auth/tokens", json=_password(entry.auth))
        if reply.status_code != 201:
            raise SystemExit(f"{entry.auth.auth_url} refuses {entry.auth.username}: {reply.status_code} {reply.text}")
        self._headers = {"X-Auth-Token": reply.headers["X-Subject-Token"]}
        self.endpoints = dict(_public_endpoints(reply.json()["token"]["catalog"], entry.region_name))

    def get(self, service: str, path: str) -> Any:
        """The JSON that a service of the catalog answers. Raises SystemExit for an error."""
        return self._send("GET", self.endpoints[service] + path).json()

    def try_get(self, service: str, path: str) -> Mapping[str, Any]:
        """As ``get``, but empty for an error: what is asked need not exist."""
        reply = self._client.get(self.endpoints[service] + path, headers=self._headers)
        found: Mapping[str, Any] = reply.json() if reply.status_code < 400 else {}
        return found

    def root(self, service: str) -> list[Mapping[str, Any]]:
        """The versions that a service's root tells of; none where it does not."""
        base = re.sub(r"/v\d[\d.]*(/[0-9a-f-]{32,36})?$", "", self.endpoints[service])
        reply = self._client.get(f"{base}/", headers=self._headers)
        versions: list[Mapping[str, Any]] = reply.json()["versions"] if reply.status_code < 400 else []
        return versions

    def upload(self, name: str, data: bytes) -> str:
        """A public raw image of these bytes; answers its id."""
        images = self.endpoints["image"].removesuffix("/v2") + "/v2/images"
        wanted = {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
        image_id = str(self._send("POST", images, json=wanted).json()["id"])
        binary = {"Content-Type": "application/octet-stream"}
        self._send("PUT", f"{images}/{image_id}/file", content=data, headers=binary)
        return image_id

    def make(self, service: str, path: str, body: Mapping[str, Any]) -> Any:
        """What a service makes of a POST. Raises SystemExit for an error."""
        return self._send("POST", self.endpoints[service] + path, json=body).json()

    def _send(self, method: str, url: str, **given: Any) -> httpx.Response:
        headers = self._headers | given.pop("headers", {})
        reply = self._client.request(method, url, headers=headers, **given)
        if reply.status_code >= 400:
            raise SystemExit(f"{method} {url}: {reply.status_code} {reply.text[:300]}")
        return reply


def _password(auth: Auth) -> Mapping[str, Any]:
    domain = {"id": auth.user_domain_id}
    user = {"name": auth.username, "password": auth.password, "domain": domain}
    scope = {"project": {"name": auth.project_name, "domain": domain}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}


def _public_endpoints(catalog: list[Any], region: str) -> list[tuple[str, str]]:
    return [
        (service["type"], endpoint["url"].rstrip("/"))
        for service in catalog
        for endpoint in service["endpoints"]
        if endpoint["interface"] == "public" and endpoint.get("region_id") in (region, None)
    ]


def newest_version(versions: list[Mapping[str, Any]]) -> str:
    """The highest microversion that a root tells of; ``latest`` where it tells of none."""
    told = [str(one.get("version") or one.get("max_version") or "") for one in versions]
    known = [version for version in told if re.fullmatch(r"\d+\.\d+", version)]
    return max(known, key=lambda text: [int(part) for part in text.split(".")], default="latest")


def _images(asker: Asker) -> tuple[str, ...]:
    """Two active images: those that there are, and where one lacks a small one of our own."""
    base = "/images" if asker.endpoints["image"].endswith("/v2") else "/v2/images"
    found = [image["id"] for image in asker.get("image", f"{base}?status=active&sort=created_at:asc")["images"]]
    for number in range(len(found), 2):
        found.append(asker.upload(f"tempest-{number}", bytes([number]) * 1024 * 1024))
    return tuple(found[:2])


def _flavors(asker: Asker) -> tuple[str, ...]:
    flavors = asker.get("compute", "/flavors/detail")["flavors"]
    flavors.sort(key=lambda flavor: (flavor["ram"], flavor["disk"], flavor["vcpus"]))
    return tuple(flavor["id"] for flavor in flavors[:2])


def _hosts(asker: Asker) -> int:
    """How many hosts are up; one where the administrator is not told."""
    services = asker.try_get("compute", "/os-services?binary=nova-compute").get("services", [])
    return sum(service["state"] == "up" and service["status"] == "enabled" for service in services) or 1


def _public_network(asker: Asker, base: str, extensions: tuple[str, ...]) -> tuple[str, str]:
    """Id and name of an external network; where there is none for routers to have, of a new one."""
    found = asker.get("network", f"{base}/networks?router:external=True")["networks"]
    if not found and "router" in extensions:
        wanted = {"name": "public", "router:external": True}
        found = [asker.make("network", f"{base}/networks", {"network": wanted})["network"]]
        subnet = {"network_id": found[0]["id"], "cidr": "203.0.113.0/24", "ip_version": 4, "enable_dhcp": False}
        asker.make("network", f"{base}/subnets", {"subnet": subnet})
    return (found[0]["id"], found[0]["name"]) if found else ("", "")


def discover(entry: CloudEntry) -> Found:
    """Ask a cloud what it has. Adds images where fewer than two are, and an external network if routers lack one."""
    asker = Asker(entry)
    network = "" if asker.endpoints["network"].endswith("/v2.0") else "/v2.0"
    extensions = tuple(one["alias"] for one in asker.get("network", f"{network}/extensions")["extensions"])
    shared = asker.get("network", f"{network}/networks?shared=True")["networks"]
    return Found(
        entry=entry,
        services=frozenset(asker.endpoints),
        images=_images(asker),
        flavors=_flavors(asker),
        hosts=_hosts(asker),
        public_network=_public_network(asker, network, extensions),
        shared_network=shared[0]["name"] if shared else "",
        network_extensions=extensions,
        compute_version=newest_version(asker.root("compute")),
        placement_version=newest_version(asker.root("placement")),
    )
