"""Security groups, and the default one that every project gets on its first use."""

from __future__ import annotations

from collections.abc import Sequence

from kilonova_neighbours.network.app import quotas
from kilonova_neighbours.network.app.security_group_rules import new_rule
from kilonova_neighbours.network.app.work import Work, require_own, require_seen, standard
from kilonova_neighbours.network.model.records import ListQuery, Record
from kilonova_neighbours.network.model.refusals import conflict
from kilonova_neighbours.network.store import ports, records, security_groups
from kilonova_neighbours.network.store.kinds import SECURITY_GROUP, SECURITY_GROUP_RULE

_DEFAULT = "default"


def ensure_default(work: Work, project_id: str) -> str:
    """The project's default group, made now if it has none. What comes in must come from its members."""
    if found := security_groups.default_of(work.tx, project_id):
        return found
    body = {"name": _DEFAULT, "description": "Default security group", "project_id": project_id, "stateful": True}
    group = _add(work, body)
    for ethertype in ("IPv4", "IPv6"):
        _add_rule(work, group, "ingress", ethertype, group["id"])
    security_groups.set_default(work.tx, project_id, group["id"])
    return str(group["id"])


def has_default(work: Work, project_id: str) -> bool:
    return security_groups.default_of(work.tx, project_id) is not None


def _add(work: Work, body: Record) -> Record:
    group = standard(work, body)
    records.add(work.tx, SECURITY_GROUP, group)
    for ethertype in ("IPv4", "IPv6"):
        _add_rule(work, group, "egress", ethertype, None)
    return group


def _add_rule(work: Work, group: Record, direction: str, ethertype: str, remote_group: str | None) -> None:
    body = {"direction": direction, "ethertype": ethertype, "remote_group_id": remote_group}
    body |= {"security_group_id": group["id"], "project_id": group["project_id"]}
    records.add(work.tx, SECURITY_GROUP_RULE, new_rule(work, body))


def create(work: Work, body: Record) -> Record:
    if body["name"] == _DEFAULT:
        ensure_default(work, body["project_id"])
        raise conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
    ensure_default(work, body["project_id"])
    quotas.take(work, "security_group", body["project_id"])
    return show(work, _add(work, body)["id"])


def show(work: Work, group_id: str) -> Record:
    return _with_rules(work, [require_seen(work, SECURITY_GROUP, group_id)])[0]


def list_page(work: Work, asked: ListQuery) -> list[Record]:
    return _with_rules(work, records.list_records(work.tx, SECURITY_GROUP, work.actor, asked))


def _with_rules(work: Work, groups: Sequence[Record]) -> list[Record]:
    found: dict[str, list[Record]] = {group["id"]: [] for group in groups}
    for rule in records.find_by(work.tx, SECURITY_GROUP_RULE, "security_group_id", found):
        found[rule["security_group_id"]].append(rule)
    return [{**group, "shared": False, "security_group_rules": found[group["id"]]} for group in groups]


def update(work: Work, group_id: str, changes: Record) -> Record:
    group = require_own(work, SECURITY_GROUP, group_id, "update")
    is_default = bool(security_groups.defaults_among(work.tx, [group_id]))
    if is_default and changes.get("name", _DEFAULT) != _DEFAULT:
        raise conflict("SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.")
    if not is_default and changes.get("name") == _DEFAULT:
        raise conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
    if "stateful" in changes and changes["stateful"] != group["stateful"] and ports.group_is_used(work.tx, group_id):
        raise _in_use(group_id)
    records.change(work.tx, SECURITY_GROUP, group_id, changes, work.now)
    return show(work, group_id)


def delete(work: Work, group_id: str) -> None:
    require_own(work, SECURITY_GROUP, group_id, "delete")
    if security_groups.defaults_among(work.tx, [group_id]) and not work.actor.is_admin:
        raise conflict("SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
    if ports.group_is_used(work.tx, group_id):
        raise _in_use(group_id)
    records.remove(work.tx, SECURITY_GROUP, group_id)


def _in_use(group_id: str) -> Exception:
    return conflict("SecurityGroupInUse", f"Security Group {group_id} in use.")
