"""Every operation of every service, tried by four identities on things that belong to a project: who gets in.

    none       no token
    reader     the role reader on the owner's project
    stranger   the role member on another project
    member     the owner, the role member

An outcome is 401, 403 or 404, ``gone`` (410, 501: this cloud has no such thing), or ``in`` for whatever an operation
answers to those who may call it: success, or a complaint about the (mostly empty) body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import msgspec
from cloud.client import Access, Client
from cloud.simulated import SimulatedCloud
from kilonova_compute.api.routes import SERVICE as COMPUTE
from kilonova_kit.http.operations import Operation, Service
from kilonova_neighbours.identity.service import SERVICE as IDENTITY
from kilonova_neighbours.image.service import SERVICE as IMAGE
from kilonova_neighbours.network.service import SERVICE as NETWORK
from kilonova_placement.service import SERVICE as PLACEMENT

SERVICES = (COMPUTE, IMAGE, NETWORK, IDENTITY, PLACEMENT)
WHO = ("none", "reader", "stranger", "member")
_OUTCOMES = {401: "401", 403: "403", 404: "404", 410: "gone", 501: "gone"}
_NOTHING = "0" * 32

#: Bodies that are whole, so that whose the thing is decides, and not what the body lacks.
_BODIES: Mapping[str, Any] = {
    "servers.update": {"server": {"name": "renamed"}},
    "servers.action": {"os-getConsoleOutput": {}},
    "metadata.create": {"metadata": {"x": "y"}},
    "metadata.replace": {"metadata": {"x": "y"}},
    "metadata.put_item": {"meta": {_NOTHING: "y"}},
    "image_metadata.create": {"metadata": {"x": "y"}},
    "image_metadata.replace": {"metadata": {"x": "y"}},
    "image_metadata.put": {"meta": {_NOTHING: "y"}},
    "tags.replace": {"tags": ["x"]},
    "flavors.act": {"addTenantAccess": {"tenant": _NOTHING}},
    "aggregates.act": {"add_host": {"host": "host1"}},
    "import_image": {"method": {"name": "glance-direct"}},
    "add_member": {"member": _NOTHING},
    "update_member": {"status": "accepted"},
    "update_user": {"user": {"description": "changed"}},
    "update_project": {"project": {"description": "changed"}},
    "update_credential": {"credential": {"blob": "changed"}},
    "create_application_credential": {"application_credential": {"name": "another"}},
    "add_extraroutes": {"router": {"routes": []}},
    "remove_extraroutes": {"router": {"routes": []}},
    "ec2_create_credential": {"tenant_id": _NOTHING},
}


class Belongings(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of what the owner has: by the parameter's name, and for the network service by collection."""

    named: dict[str, str]
    network: dict[str, str]


class Cast(msgspec.Struct, frozen=True, kw_only=True):
    """Who tries, and on what."""

    clients: dict[str, Client]
    belongings: Belongings


def _user(admin: Client, name: str, project_id: str, role: str) -> Access:
    """A new user with a role on a project."""
    password = f"{name}-{project_id}"
    body = {"user": {"name": name, "password": password, "domain_id": "default"}}
    user_id = admin.ask("POST", "/identity/v3/users", json=body)["user"]["id"]
    role_id = admin.get(f"/identity/v3/roles?name={role}")["roles"][0]["id"]
    admin.ask("PUT", f"/identity/v3/projects/{project_id}/users/{user_id}/roles/{role_id}")
    project = admin.get(f"/identity/v3/projects/{project_id}")["project"]["name"]
    return Access(url=admin.access.url, user=name, password=password, project=project)


def make_cast(cloud: SimulatedCloud) -> Cast:
    """Two projects, three users, and one of everything for the owner."""
    admin, projects = cloud.admin, dict[str, str]()
    for name in ("owners", "strangers"):
        body = {"project": {"name": name, "domain_id": "default"}}
        projects[name] = admin.ask("POST", "/identity/v3/projects", json=body)["project"]["id"]
    clients = {
        "reader": Client(_user(admin, "reader", projects["owners"], "reader")),
        "stranger": Client(_user(admin, "stranger", projects["strangers"], "member")),
        "member": Client(_user(admin, "owner", projects["owners"], "member")),
    }
    return Cast(clients=clients, belongings=_belongings(admin, clients["member"], projects["owners"]))


def _belongings(admin: Client, owner: Client, project_id: str) -> Belongings:
    user_id = admin.get("/identity/v3/users?name=owner")["users"][0]["id"]
    own = f"/identity/v3/users/{user_id}"
    credential = {"application_credential": {"name": "one", "access_rules": [_RULE]}}
    application = owner.ask("POST", f"{own}/application_credentials", json=credential)["application_credential"]
    image = {"name": "own", "disk_format": "raw", "container_format": "bare"}
    keys = {"keypair": {"name": "own"}}
    owner.ask("POST", "/compute/v2.1/os-keypairs", json=keys, version="2.1")
    trust = {"trustor_user_id": user_id, "trustee_user_id": user_id, "impersonation": False}
    named = {
        "server_id": owner.create_active("own").id,
        "name": "own",
        "flavor_id": "1",
        "image_id": owner.ask("POST", "/image/v2/images", json=image)["id"],
        "compute/image_id": owner.ask("POST", "/image/v2/images", json=image)["id"],  # deleted through compute
        "user_id": user_id,
        "project_id": project_id,
        "domain_id": "default",
        "role_id": admin.get("/identity/v3/roles?name=member")["roles"][0]["id"],
        "application_credential_id": application["id"],
        "access_rule_id": application["access_rules"][0]["id"],
        "credential_id": owner.ask(
            "POST", "/identity/v3/credentials", json={"credential": {"type": "cert", "blob": "secret"}}
        )["credential"]["id"],
        "access": owner.ask("POST", f"{own}/credentials/OS-EC2", json={"tenant_id": project_id})["credential"][
            "access"
        ],
        "trust_id": owner.ask("POST", "/identity/v3/OS-TRUST/trusts", json={"trust": trust})["trust"]["id"],
    }
    return Belongings(named=named, network=_network_belongings(owner))


_RULE = {"service": "compute", "method": "GET", "path": "/v2.1/servers"}


def _network_belongings(owner: Client) -> dict[str, str]:
    made: dict[str, str] = {}

    def make(collection: str, **values: Any) -> str:
        kind = collection.removesuffix("s").replace("-", "_")
        reply = owner.ask("POST", f"/network/v2.0/{collection}", json={kind: values})
        made[collection] = str(reply[kind]["id"])
        return made[collection]

    network = make("networks", name="own")
    make("subnets", network_id=network, cidr="10.9.0.0/24", ip_version=4)
    make("ports", network_id=network)
    group = make("security-groups", name="own")
    make("security-group-rules", security_group_id=group, direction="ingress", ethertype="IPv4")
    make("subnetpools", name="own", prefixes=["10.8.0.0/16"], default_prefixlen=24)
    make("address-scopes", name="own", ip_version=4)
    make("routers", name="own")
    return made


# --- trying


def outcomes(cloud: SimulatedCloud, cast: Cast) -> dict[str, dict[str, str]]:
    """Operation -> who -> outcome. The owner is last, and deletes last of all, the innermost things first."""
    found: dict[str, dict[str, str]] = {}
    everything = [(service, operation) for service in SERVICES for operation in service.operations]
    everything.sort(
        key=lambda pair: (pair[1].method == "DELETE", -pair[1].path.count("/") * (pair[1].method == "DELETE"))
    )
    with httpx.Client(base_url=cloud.url, timeout=60.0, trust_env=False) as http:
        for who in WHO:
            token = cast.clients[who].token if who in cast.clients else ""
            for service, operation in everything:
                status = _try(http, service, operation, cast.belongings, token)
                found.setdefault(_name(service, operation), {})[who] = _OUTCOMES.get(status, "in")
                assert status not in (500, 502), (service.name, operation.name, who)
    return found


def _name(service: Service, operation: Operation) -> str:
    return f"{service.name} {operation.method} {operation.path} {operation.name}"


def _try(http: httpx.Client, service: Service, operation: Operation, things: Belongings, token: str) -> int:
    path = re.sub(r"{(\w+)}", lambda found: _value(service, operation, things, found[1]), operation.path)
    below = path[1:] if path.startswith("//") else service.base_path + path
    headers = {"X-Auth-Token": token} if token else {}
    if service.microversions is not None:
        major, minor = max(operation.since, service.microversions.minimum)
        headers["OpenStack-API-Version"] = f"{service.name} {major}.{minor}"
    content = b""
    if operation.takes is bytes:
        headers["Content-Type"] = "application/octet-stream"
    elif operation.takes is not None:
        kind = operation.content_types[0]
        headers["Content-Type"] = kind
        content = b"[]" if "patch" in kind else msgspec.json.encode(_body(service, operation))
    url = service.prefix + below
    with http.stream(operation.method, url, headers=headers, content=content, follow_redirects=False) as reply:
        return reply.status_code


def _value(service: Service, operation: Operation, things: Belongings, name: str) -> str:
    if service is NETWORK and name == "id":
        return things.network.get(operation.path.split("/")[1], _NOTHING)
    return things.named.get(f"{service.name}/{name}") or things.named.get(name, _NOTHING)


def _body(service: Service, operation: Operation) -> Any:
    if operation.name in _BODIES:
        return _BODIES[operation.name]
    if service is NETWORK and operation.method == "PUT" and operation.path.endswith("{id}"):
        kind = operation.path.split("/")[1].removesuffix("s").replace("-", "_")
        return {kind: {"description": "changed"}}
    return {"tags": []} if operation.path.endswith("/tags") else {}


def lines(found: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The table as text, one operation a line."""
    yield "# service method path operation: " + " ".join(WHO) + "\n"
    for name in sorted(found):
        yield f"{name}: {' '.join(found[name][who] for who in WHO)}\n"
