"""RBAC policies: a network opened to one project, or to all (``*``)."""

from __future__ import annotations

from kilonova_neighbours.network.app import quotas, security_groups
from kilonova_neighbours.network.app.work import Work, require, require_own, require_seen, standard
from kilonova_neighbours.network.model.records import ListQuery, Record
from kilonova_neighbours.network.model.refusals import conflict, disallowed, not_found
from kilonova_neighbours.network.store import ports, records, routers
from kilonova_neighbours.network.store.kinds import NETWORK, RBAC_POLICY

_ALL = "*"


def create(work: Work, body: Record) -> Record:
    network = require_seen(work, NETWORK, body["object_id"])
    if not (work.actor.is_admin or work.actor.owns(network)):
        raise not_found("network", network["id"])
    _check_target(work, "create", body["target_tenant"])
    security_groups.ensure_default(work, body["project_id"])
    quotas.take(work, "rbac_policy", body["project_id"])
    policy = standard(work, body)
    _refuse_twice(work, policy)
    records.add(work.tx, RBAC_POLICY, policy)
    _open_to_all(work, policy, True)
    return policy


def _refuse_twice(work: Work, policy: Record) -> None:
    for other in records.find_by(work.tx, RBAC_POLICY, "object_id", [policy["object_id"]]):
        alike = (other["action"], other["target_tenant"]) == (policy["action"], policy["target_tenant"])
        if alike and other["id"] != policy["id"]:
            raise conflict("DuplicateRbacPolicy", "An RBAC policy already exists with those values.")


def _check_target(work: Work, verb: str, target: str) -> None:
    if target == _ALL and not work.actor.is_admin:
        raise disallowed(f"{verb}_rbac_policy", f"{verb}_rbac_policy:target_tenant")


def _open_to_all(work: Work, policy: Record, opened: bool) -> None:
    if policy["target_tenant"] == _ALL:
        name = "shared" if policy["action"] == "access_as_shared" else "router:external"
        records.change(work.tx, NETWORK, policy["object_id"], {name: opened}, work.now)


def show(work: Work, policy_id: str) -> Record:
    return require_seen(work, RBAC_POLICY, policy_id)


def list_page(work: Work, asked: ListQuery) -> list[Record]:
    return records.list_records(work.tx, RBAC_POLICY, work.actor, asked)


def update(work: Work, policy_id: str, changes: Record) -> Record:
    policy = require_own(work, RBAC_POLICY, policy_id, "update")
    target = str(changes.get("target_tenant", policy["target_tenant"]))
    _check_target(work, "update", target)
    if target != policy["target_tenant"]:
        _refuse_twice(work, {**policy, "target_tenant": target})
        _check_unused(work, policy)
        _open_to_all(work, policy, False)
        _open_to_all(work, {**policy, "target_tenant": target}, True)
    records.change(work.tx, RBAC_POLICY, policy_id, changes, work.now)
    return show(work, policy_id)


def delete(work: Work, policy_id: str) -> None:
    policy = require_own(work, RBAC_POLICY, policy_id, "delete")
    _check_unused(work, policy)
    _open_to_all(work, policy, False)
    records.remove(work.tx, RBAC_POLICY, policy_id)


def _check_unused(work: Work, policy: Record) -> None:
    network = require(work, NETWORK, policy["object_id"])
    project = None if policy["target_tenant"] == _ALL else policy["target_tenant"]
    if policy["action"] == "access_as_shared":
        used = ports.project_uses_network(work.tx, network["id"], network["project_id"], project)
    else:
        used = routers.has_gateways(work.tx, network["id"], project)
    if used:
        raise conflict(
            "RbacPolicyInUse",
            f"RBAC policy on object {network['id']} cannot be removed because other objects depend on it.",
        )
