"""Who is refused: every operation of servers, for everybody who may not.

The table says the least role that may: ``reader``, ``member``, ``manager`` or ``admin``. A test fails when an operation
has no line here.
"""

from __future__ import annotations

from typing import Any

from compute_world import World
from kilonova_compute.api.server_actions import ACTIONS
from kilonova_compute.api.server_routes import OPERATIONS

#: Who has at most this role.
_BEARERS = {"none": "nobody", "reader": "watcher", "member": "alice", "manager": "chief", "admin": "admin"}
_ORDER = ["none", "reader", "member", "manager", "admin"]

_LEAST = {
    "servers.index": "reader",
    "servers.detail": "reader",
    "servers.create": "member",
    "servers.show": "reader",
    "servers.update": "member",
    "servers.delete": "member",
    "servers.action": "none",  # each action has its own: see below
    "metadata.index": "reader",
    "metadata.create": "member",
    "metadata.replace": "member",
    "metadata.show": "reader",
    "metadata.put_item": "member",
    "metadata.delete_item": "member",
    "tags.index": "reader",
    "tags.replace": "member",
    "tags.delete_all": "member",
    "tags.show": "reader",
    "tags.put": "member",
    "tags.delete": "member",
    "instance_actions.index": "reader",
    "instance_actions.show": "reader",
    "diagnostics.show": "admin",
    "server_migrations.index": "manager",
    "server_migrations.show": "admin",
    "migrations.index": "manager",
    "ips.index": "reader",
    "ips.show": "reader",
    "interfaces.index": "reader",
    "interfaces.show": "reader",
    "interfaces.attach": "member",
    "interfaces.detach": "member",
    "server_security_groups.index": "reader",
    "server_password.show": "reader",
    "server_password.clear": "member",
    "volume_attachments.index": "reader",
    "volume_attachments.show": "reader",
    "volume_attachments.create": "member",
    "volume_attachments.delete": "member",
    "topology.show": "reader",
    "shares.index": "reader",
    "shares.show": "reader",
    "shares.create": "member",
    "shares.delete": "member",
    "consoles.create": "member",
}

_ADMINS_ACTIONS = {"os-resetState", "injectNetworkInfo", "resetNetwork", "evacuate", "shelveOffload"}
_MANAGERS_ACTIONS = {"migrate", "os-migrateLive"}


def _path(operation: Any, server_id: str) -> str:
    values = dict.fromkeys(
        ("key", "tag", "request_id", "migration_id", "network", "port_id", "volume_id", "share_id"), "x"
    )
    return str(operation.path.format(server_id=server_id, **values))


def _version(operation: Any) -> str:
    return f"2.{max(operation.since[1], 1)}"


async def test_every_operation_has_a_line() -> None:
    assert {operation.name for operation in OPERATIONS} == set(_LEAST)


async def test_every_operation_refuses_those_without_a_token_and_with_too_small_a_role(world: World) -> None:
    server_id = await world.boot()
    for operation in OPERATIONS:
        path, version = _path(operation, server_id), _version(operation)
        assert (await world.ask("", operation.method, path, {}, version)).status == 401, operation.name
        least = _ORDER.index(_LEAST[operation.name])
        for role in _ORDER[:least]:
            reply = await world.ask(_BEARERS[role], operation.method, path, {}, version)
            assert reply.status == 403, (operation.name, role, reply.body)
            assert operation.policy.name in reply.message()


async def test_every_operation_lets_the_least_role_in(world: World) -> None:
    server_id = await world.boot()
    for operation in OPERATIONS:
        if operation.name in ("servers.delete", "servers.action"):
            continue
        bearer = _BEARERS[_LEAST[operation.name]]
        path = _path(operation, server_id)
        reply = await world.ask(bearer, operation.method, path, {}, _version(operation))
        assert reply.status not in (401, 403, 405, 500), (operation.name, reply.body)


async def test_every_action_refuses_too_small_a_role(world: World) -> None:
    for name, action in ACTIONS.items():
        least = "admin" if name in _ADMINS_ACTIONS else "manager" if name in _MANAGERS_ACTIONS else "member"
        for role in _ORDER[: _ORDER.index(least)]:
            server_id, version = "6c6bdc3e-0000-4000-8000-000000000000", f"2.{action.since[1]}"
            reply = await world.act(_BEARERS[role], server_id, {name: None}, version)
            assert reply.status == 403, (name, role)
            assert action.policy.name in reply.message()
