"""A small client of a cloud's public API, for one of its users: each method is one sentence of a conversation."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import msgspec
from cloud.waiting import PATIENCE_SECONDS, WaitedInVain, wait_until

_VERSION = "2.96"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks, and where. ``trust`` is a certificate file for TLS."""

    url: str
    user: str
    password: str
    project: str
    trust: str = ""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A server as the API shows it."""

    id: str
    name: str = ""
    status: str = "UNKNOWN"
    fault: dict[str, Any] = {}
    addresses: dict[str, Any] = {}
    host: str = msgspec.field(default="", name="OS-EXT-SRV-ATTR:host")
    task_state: str | None = msgspec.field(default=None, name="OS-EXT-STS:task_state")
    power_state: int = msgspec.field(default=0, name="OS-EXT-STS:power_state")

    @property
    def reason(self) -> str:
        """Why it is in ERROR, in the words of the API."""
        return str(self.fault.get("message", ""))


class Client:
    """Speaks as one user. Anything that is answered with 400 or more raises, unless it is asked with ``refused``."""

    def __init__(self, access: Access, *, token: str = "") -> None:
        self.access = access
        verify = ssl.create_default_context(cafile=access.trust) if access.trust else True
        self._http = httpx.Client(base_url=access.url, timeout=60.0, verify=verify, trust_env=False)
        self._token = token

    def close(self) -> None:
        self._http.close()

    # --- the wire

    @property
    def token(self) -> str:
        if not self._token:
            self._token = self._sign_in()
        return self._token

    def _sign_in(self) -> str:
        reply = self._http.post("/identity/v3/auth/tokens", json={"auth": self.sign_in_body})
        reply.raise_for_status()
        return str(reply.headers["x-subject-token"])

    @property
    def sign_in_body(self) -> dict[str, Any]:
        access, domain = self.access, {"id": "default"}
        user = {"name": access.user, "password": access.password, "domain": domain}
        return {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": access.project, "domain": domain}},
        }

    def send(self, method: str, path: str, *, version: str = _VERSION, **more: Any) -> httpx.Response:
        """Any request, any answer."""
        headers = {"X-Auth-Token": self.token, "OpenStack-API-Version": f"compute {version}", **more.pop("headers", {})}
        return self._http.request(method, path, headers=headers, **more)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """The answer's body; raises AssertionError with its words for a refusal."""
        reply = self.send(method, path, **more)
        assert reply.status_code < 400, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json() if reply.content else None

    def get(self, path: str, **more: Any) -> Any:
        return self.ask("GET", path, **more)

    def refused(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The refusal; raises AssertionError when it is allowed."""
        reply = self.send(method, path, **more)
        assert reply.status_code >= 400, f"{method} {path} was allowed: {reply.status_code} {reply.text}"
        return reply

    # --- what servers are made of

    @cached_property
    def image_id(self) -> str:
        """The image ``tiny``."""
        return str(self.get("/image/v2/images?name=tiny")["images"][0]["id"])

    @cached_property
    def network_id(self) -> str:
        """The network ``private``."""
        return str(self.get("/network/v2.0/networks?name=private")["networks"][0]["id"])

    @cached_property
    def flavor_ids(self) -> dict[str, str]:
        flavors = self.get("/compute/v2.1/flavors")["flavors"]
        return {flavor["name"]: flavor["id"] for flavor in flavors}

    def upload_image(self, name: str, data: bytes, disk_format: str = "raw") -> str:
        wanted = {"name": name, "disk_format": disk_format, "container_format": "bare"}
        image_id = str(self.ask("POST", "/image/v2/images", json=wanted)["id"])
        octets = {"Content-Type": "application/octet-stream"}
        self.ask("PUT", f"/image/v2/images/{image_id}/file", content=data, headers=octets)
        return image_id

    # --- servers

    def server_body(self, name: str, **more: Any) -> dict[str, Any]:
        """A create request: ``tiny``, ``m1.tiny`` on ``private``, and whatever is said besides or instead."""
        body = {
            "name": name,
            "flavorRef": more.pop("flavor", None) or self.flavor_ids["m1.tiny"],
            "imageRef": more.pop("image", None) or self.image_id,
            "networks": [{"uuid": self.network_id}],
        }
        return {"server": body | more}

    def create(self, name: str, **more: Any) -> Server:
        """Ask for a server; it is being built when this returns."""
        answer = self.ask("POST", "/compute/v2.1/servers", json=self.server_body(name, **more))
        return Server(id=answer["server"]["id"], name=name)

    def create_active(self, name: str, **more: Any) -> Server:
        return self.wait_for(self.create(name, **more), "ACTIVE")

    def show(self, server: Server | str) -> Server:
        found = self.get(f"/compute/v2.1/servers/{_id(server)}")["server"]
        return msgspec.convert({key: value for key, value in found.items() if value is not None}, Server)

    def servers(self, query: str = "") -> list[Server]:
        """The detailed list, in its order, all pages."""
        path, found = f"/compute/v2.1/servers/detail?{query}", []
        while path:
            page = self.get(path)
            found += [
                msgspec.convert({key: value for key, value in one.items() if value is not None}, Server)
                for one in page["servers"]
            ]
            links = [link["href"] for link in page.get("servers_links", ()) if link["rel"] == "next"]
            path = links[0] if links else ""
        return found

    def act(self, server: Server | str, verb: str, value: Any = None) -> httpx.Response:
        """A server action such as ``os-stop``."""
        return self.send("POST", f"/compute/v2.1/servers/{_id(server)}/action", json={verb: value})

    def do(self, server: Server | str, verb: str, value: Any = None) -> None:
        reply = self.act(server, verb, value)
        assert reply.status_code < 400, f"{verb}: {reply.status_code} {reply.text}"

    def delete(self, server: Server | str) -> None:
        self.ask("DELETE", f"/compute/v2.1/servers/{_id(server)}")

    def delete_and_wait(self, *servers: Server | str) -> None:
        for server in servers:
            self.delete(server)
        for server in servers:
            self.wait_gone(server)

    def wait_for(self, server: Server | str, status: str, *, within: float = PATIENCE_SECONDS) -> Server:
        """Wait until a server has this status and nothing is done to it. Ends at once when it falls into ERROR."""
        give_up = time.monotonic() + within
        while True:
            seen = self.show(server)
            if seen.status == status and seen.task_state is None:
                return seen
            if seen.status == "ERROR" or time.monotonic() > give_up:
                raise WaitedInVain(f"server {seen.name} is {seen.status} ({seen.reason}), not {status}")
            time.sleep(0.03)

    def wait_gone(self, server: Server | str) -> None:
        path = f"/compute/v2.1/servers/{_id(server)}"
        wait_until(f"server {_id(server)} to be gone", lambda: self.send("GET", path).status_code == 404)

    # --- what was done

    def actions(self, server: Server | str) -> list[dict[str, Any]]:
        """The newest first, as the API lists them."""
        path = f"/compute/v2.1/servers/{_id(server)}/os-instance-actions"
        return list(self.get(path)["instanceActions"])

    def action(self, server: Server | str, verb: str) -> dict[str, Any]:
        """The newest action of that name, with its events."""
        found = next(one for one in self.actions(server) if one["action"] == verb)
        path = f"/compute/v2.1/servers/{_id(server)}/os-instance-actions/{found['request_id']}"
        return dict(self.get(path)["instanceAction"])

    def wait_failed(self, server: Server | str, verb: str) -> dict[str, Any]:
        """The newest action of that name once it has failed."""

        def look() -> dict[str, Any] | None:
            action = self.action(server, verb)
            return action if action["message"] else None

        return wait_until(f"action {verb} of {_id(server)} to fail", look)


def reasons(action: Mapping[str, Any]) -> str:
    """Why an action failed, in the words of its events; only administrators are told."""
    return " | ".join(str(event["details"]) for event in action["events"] if event.get("details"))


def event_results(action: Mapping[str, Any]) -> dict[str, str]:
    return {event["event"]: event["result"] for event in action["events"]}


def _id(server: Server | str) -> str:
    return server if isinstance(server, str) else server.id


def access_of(folder: Path, name: str, *, url: str = "") -> Access:
    """What ``clouds.yaml`` says of a cloud named ``name``, read as the clients read it."""
    import yaml

    document = yaml.safe_load((folder / "clouds.yaml").read_text())["clouds"][name]
    auth = document["auth"]
    return Access(
        url=url or str(auth["auth_url"]).removesuffix("/identity/v3"),
        user=auth["username"],
        password=auth["password"],
        project=auth["project_name"],
        trust=document.get("cacert", ""),
    )
