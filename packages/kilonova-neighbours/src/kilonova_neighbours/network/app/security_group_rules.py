"""Security group rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kilonova_neighbours.network.app import quotas
from kilonova_neighbours.network.app.work import Work, require_own, require_seen, standard
from kilonova_neighbours.network.model.records import ListQuery, Record
from kilonova_neighbours.network.model.refusals import conflict, disallowed, invalid, not_found
from kilonova_neighbours.network.model.rule_checks import check_rule, digest_of, normalized
from kilonova_neighbours.network.store import records, security_groups
from kilonova_neighbours.network.store.kinds import SECURITY_GROUP, SECURITY_GROUP_RULE

_NOTHING: Record = {
    "protocol": None,
    "port_range_min": None,
    "port_range_max": None,
    "remote_ip_prefix": None,
    "remote_group_id": None,
}


def new_rule(work: Work, body: Record) -> Record:
    """A checked rule, not yet written. Raises BadRequest."""
    rule = standard(work, {**_NOTHING, **body})
    check_rule(rule)
    rule["normalized_cidr"] = normalized(rule["remote_ip_prefix"])
    rule["digest"] = digest_of(rule)
    return rule


def create_many(work: Work, bodies: Sequence[Record]) -> list[Record]:
    if len({body["security_group_id"] for body in bodies}) > 1:
        raise invalid(
            "SecurityGroupNotSingleGroupRules", "Only allowed to update rules for one security profile at a time"
        )
    for project_id, number in Counter(body["project_id"] for body in bodies).items():
        security_groups.default_of(work.tx, project_id)  # the project's lock
        quotas.take(work, "security_group_rule", project_id, number)
    return [_create(work, body) for body in bodies]


def create(work: Work, body: Record) -> Record:
    return create_many(work, [body])[0]


def _create(work: Work, body: Record) -> Record:
    group = require_seen(work, SECURITY_GROUP, body["security_group_id"])
    if not (work.actor.is_admin or work.actor.owns(group)):
        raise not_found("security_group", group["id"])
    if remote := body.get("remote_group_id"):
        require_seen(work, SECURITY_GROUP, remote)
    rule = new_rule(work, body)
    if existing := security_groups.rule_that_says(work.tx, group["id"], rule["digest"]):
        raise conflict("SecurityGroupRuleExists", f"Security group rule already exists. Rule id is {existing}.")
    records.add(work.tx, SECURITY_GROUP_RULE, rule)
    records.change(work.tx, SECURITY_GROUP, group["id"], {}, work.now)
    return _with_default_mark(work, [rule])[0]


def show(work: Work, rule_id: str) -> Record:
    return _with_default_mark(work, [require_seen(work, SECURITY_GROUP_RULE, rule_id)])[0]


def list_page(work: Work, asked: ListQuery) -> list[Record]:
    return _with_default_mark(work, records.list_records(work.tx, SECURITY_GROUP_RULE, work.actor, asked))


def _with_default_mark(work: Work, rules: list[Record]) -> list[Record]:
    defaults = security_groups.defaults_among(work.tx, list({rule["security_group_id"] for rule in rules}))
    return [{**rule, "belongs_to_default_sg": rule["security_group_id"] in defaults} for rule in rules]


def update(work: Work, rule_id: str, changes: Record) -> Record:
    """Only the description of a rule can change."""
    require_own(work, SECURITY_GROUP_RULE, rule_id, "update")
    records.change(work.tx, SECURITY_GROUP_RULE, rule_id, changes, work.now)
    return show(work, rule_id)


def delete(work: Work, rule_id: str) -> None:
    rule = require_seen(work, SECURITY_GROUP_RULE, rule_id)
    group = require_seen(work, SECURITY_GROUP, rule["security_group_id"])
    if not (work.actor.is_admin or work.actor.owns(rule) or work.actor.owns(group)):
        raise disallowed("delete_security_group_rule")
    records.remove(work.tx, SECURITY_GROUP_RULE, rule_id)
    records.change(work.tx, SECURITY_GROUP, rule["security_group_id"], {}, work.now)
