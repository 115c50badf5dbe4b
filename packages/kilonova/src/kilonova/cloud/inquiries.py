"""What the command line asks a running cloud of this machine, over the public API.

It speaks as the cloud's own user, whose password nobody changes: the administrator's may have been changed since.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
from kilonova_kit.ids import is_uuid_like

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder

_SERVERS = "/compute/v2.1/servers"


class GuestAddress(msgspec.Struct, frozen=True):
    """Where a server answers."""

    ip_address: str
    network_id: str


class FoundServer(msgspec.Struct, frozen=True):
    """What the command line needs of a server."""

    id: str
    name: str
    status: str
    host: str
    addresses: tuple[GuestAddress, ...]


class CloudInquiries:
    """Asks with a token of its own. Raises CloudError when the cloud does not answer or refuses."""

    def __init__(self, folder: CloudFolder) -> None:
        self._folder, self._state = folder, folder.state()
        certificate = self._state.certificate
        verify = ssl.create_default_context(cafile=certificate) if certificate else True
        self._client = httpx.Client(base_url=self._state.url, timeout=10.0, verify=verify, trust_env=False)
        self._token = ""

    def get(self, path: str, *, version: str = "2.96") -> Any:
        headers = {"X-Auth-Token": self._token or self._sign_in(), "OpenStack-API-Version": f"compute {version}"}
        return self._send("GET", path, headers=headers).json()

    def post(self, path: str, body: Any) -> Any:
        headers = {"X-Auth-Token": self._token or self._sign_in()}
        return self._send("POST", path, headers=headers, json=body).json()

    def _sign_in(self) -> str:
        domain = {"id": "default"}
        user = {"name": "kilonova", "password": self._folder.secrets().service_password, "domain": domain}
        wanted = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "service", "domain": domain}},
        }
        self._token = self._send("POST", "/identity/v3/auth/tokens", json={"auth": wanted}).headers["x-subject-token"]
        return self._token

    def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            reply = self._client.request(method, path, **given)
        except httpx.HTTPError as error:
            raise CloudError(f"the cloud at {self._state.url} does not answer: {error}") from error
        if reply.status_code >= 400:
            raise CloudError(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
        return reply

    def ready(self) -> str:
        """``ready``, or what is missing, in words."""
        try:
            return self._client.get("/readyz").text.strip()
        except httpx.HTTPError as error:
            return f"does not answer: {error}"

    def servers(self) -> Iterator[dict[str, Any]]:
        """Every server of every project, in detail, page by page."""
        marker: dict[str, str] = {}
        while page := self.get(f"{_SERVERS}/detail?{urlencode({'all_tenants': 1, 'limit': 1000, **marker})}")[
            "servers"
        ]:
            yield from page
            marker = {"marker": page[-1]["id"]}

    def server(self, wanted: str) -> FoundServer:
        """A server by id or by name, of any project. Raises CloudError for none, or for several of that name."""
        by = {"uuid": wanted} if is_uuid_like(wanted) else {"name": f"^{re.escape(wanted)}$"}
        found = self.get(f"{_SERVERS}/detail?{urlencode({'all_tenants': 1, **by})}")["servers"]
        matching = [one for one in found if wanted in (one["id"], one["name"])]
        if len(matching) != 1:
            raise CloudError(f"{len(matching)} servers are named {wanted}: give an id")
        (server,) = matching
        interfaces = self.get(f"{_SERVERS}/{server['id']}/os-interface")["interfaceAttachments"]
        addresses = tuple(
            GuestAddress(fixed["ip_address"], interface["net_id"])
            for interface in interfaces
            for fixed in interface["fixed_ips"]
        )
        host = server.get("OS-EXT-SRV-ATTR:host") or ""
        return FoundServer(server["id"], server["name"], server["status"], host, addresses)
