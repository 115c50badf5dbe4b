"""Every operation of the table: without a token 401, with too small a role 403. Exceptions are written down here."""

from __future__ import annotations

import re
from typing import Any

from kilonova_kit.http.operations import Operation
from kilonova_neighbours.identity.service import SERVICE

#: Need no token.
PUBLIC = {"versions", "show_version", "extensions", "create_token", "change_password"}

#: A member of a project may call these, and gets what is its own.
OWN = {
    "get_auth_catalog",
    "get_auth_projects",
    "get_auth_domains",
    "get_auth_system",
    "list_projects_for_user",
    "list_domains_for_user",
    "list_regions",
    "list_credentials",
    "list_registered_limits",
    "get_limit_model",
    "list_limits",
    "create_credential",
}

#: Ask about a thing first: a member finds none (there is no such region, trust, limit, token).
NOT_FOUND = {
    "get_region",
    "get_trust",
    "delete_trust",
    "list_roles_for_trust",
    "get_role_for_trust",
    "get_registered_limit",
    "get_limit",
}
NEEDS_A_HEADER = {"validate_token", "revoke_token"}

BODIES: dict[str, Any] = {
    "create_trust": {"trust": {"trustor_user_id": "a", "trustee_user_id": "b", "impersonation": True}},
    "create_credential": {"credential": {"type": "cert", "blob": "x"}},
    "update_credential": {"credential": {"blob": "x"}},
    "ec2_create_credential": {"tenant_id": "x"},
    "create_application_credential": {"application_credential": {"name": "x"}},
}


def request(operation: Operation) -> str:
    path = operation.path if operation.path != "//" else ""
    return f"{operation.method} {re.sub(r'{[a-z_]+}', 'x' * 32, path)}"


def expected(name: str) -> set[int]:
    if name in OWN:
        return {200, 201}
    if name in NOT_FOUND:
        return {404}
    return {400} if name in NEEDS_A_HEADER else {403}


async def answers(cloud: Any, operation: Operation) -> tuple[int, int, int]:
    """To nobody, to nonsense, to a member of a project."""
    body = BODIES.get(operation.name)
    replies = [await cloud.ask(request(operation), body, token=token) for token in (None, "nonsense", cloud.demo)]
    return replies[0].status, replies[1].status, replies[2].status


async def test_strangers_are_refused_by_every_operation(cloud: Any) -> None:
    """One cloud for all: nothing here changes it but the one credential that a member may make."""
    wrong = {
        operation.name: found
        for operation in SERVICE.operations
        if operation.name not in PUBLIC
        and not ((found := await answers(cloud, operation))[:2] == (401, 401) and found[2] in expected(operation.name))
    }
    assert wrong == {}


def test_only_these_need_no_token() -> None:
    assert {operation.name for operation in SERVICE.operations if operation.public} == PUBLIC


def test_names_and_policies_are_what_upstream_calls_them() -> None:
    names = [operation.name for operation in SERVICE.operations]
    assert len(names) == len(set(names))
    assert all(operation.policy.name.startswith("identity:") for operation in SERVICE.operations)
