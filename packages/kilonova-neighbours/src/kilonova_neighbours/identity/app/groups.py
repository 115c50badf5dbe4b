"""Groups and their members."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding, removing
from kilonova_neighbours.identity.app.changes import Values, changed
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.users import Group, Membership, User


def create(work: Work, values: Values, extra: Values) -> Group:
    name, domain_id = values["name"], values["domain_id"]
    finding.domain(work, domain_id)
    finding.refuse_taken(store.GROUPS.get(work.tx, name=name, domain_id=domain_id), "group", name, domain_id)
    values = {**values, "description": values.get("description") or ""}
    return store.GROUPS.add(work.tx, Group(id=new_hex_id(), extra=extra, **values))


def change(work: Work, group_id: str, values: Values, extra: Values) -> Group:
    group = finding.group(work, group_id)
    if values.pop("domain_id", group.domain_id) != group.domain_id:
        raise BadRequest("Changing the domain of a group is not allowed.")
    name = values.get("name", group.name)
    if name != group.name:
        taken = store.GROUPS.get(work.tx, name=name, domain_id=group.domain_id)
        finding.refuse_taken(taken, "group", name, group.domain_id)
    if "description" in values:
        values["description"] = values["description"] or ""
    return store.GROUPS.change(work.tx, changed(group, values, extra))


def delete(work: Work, group_id: str) -> None:
    removing.group(work, finding.group(work, group_id))


def show(work: Work, group_id: str) -> Group:
    return finding.group(work, group_id)


def find(work: Work, equals: Values) -> list[Group]:
    return store.GROUPS.find(work.tx, **equals)


def members(work: Work, group_id: str) -> list[User]:
    finding.group(work, group_id)
    rows = store.MEMBERSHIPS.find(work.tx, group_id=group_id)
    return store.USERS.find(work.tx, id=[row.user_id for row in rows])


def add_member(work: Work, group_id: str, user_id: str) -> None:
    finding.group(work, group_id)
    finding.user(work, user_id)
    if store.MEMBERSHIPS.get(work.tx, group_id=group_id, user_id=user_id) is None:
        store.MEMBERSHIPS.add(work.tx, Membership(group_id=group_id, user_id=user_id))


def check_member(work: Work, group_id: str, user_id: str) -> None:
    """Raises NotFound for who is none."""
    finding.group(work, group_id)
    finding.user(work, user_id)
    if store.MEMBERSHIPS.get(work.tx, group_id=group_id, user_id=user_id) is None:
        raise NotFound(f"User '{user_id}' not found in group '{group_id}'.")


def remove_member(work: Work, group_id: str, user_id: str) -> None:
    check_member(work, group_id, user_id)
    store.MEMBERSHIPS.remove(work.tx, group_id=group_id, user_id=user_id)


def of_user(work: Work, user_id: str) -> list[Group]:
    finding.user(work, user_id)
    rows = store.MEMBERSHIPS.find(work.tx, user_id=user_id)
    return store.GROUPS.find(work.tx, id=[row.group_id for row in rows])
