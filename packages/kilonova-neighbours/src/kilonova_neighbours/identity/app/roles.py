"""Roles and what they imply."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest, Conflict, Forbidden, NotFound
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding, removing
from kilonova_neighbours.identity.app.changes import Values, changed, kept_options
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.roles import Implication, Role


def create(work: Work, values: Values, extra: Values) -> Role:
    values = {**values, "domain_id": values.get("domain_id") or "", "options": kept_options(values.get("options"))}
    if values["domain_id"]:
        finding.domain(work, values["domain_id"])
    _refuse_name(work, values["name"], values["domain_id"])
    return store.ROLES.add(work.tx, Role(id=new_hex_id(), extra=extra, **values))


def _refuse_name(work: Work, name: str, domain_id: str) -> None:
    finding.refuse_taken(store.ROLES.get(work.tx, name=name, domain_id=domain_id), "role", name, domain_id)


def change(work: Work, role_id: str, values: Values, extra: Values) -> Role:
    role = finding.role(work, role_id)
    finding.refuse_immutable(role, "role", {**values, **extra})
    if (values.pop("domain_id", None) or role.domain_id) != role.domain_id:
        raise BadRequest("Update of `domain_id` is not allowed.")
    if values.get("name", role.name) != role.name:
        _refuse_name(work, values["name"], role.domain_id)
    return store.ROLES.change(work.tx, changed(role, values, extra))


def delete(work: Work, role_id: str) -> None:
    role = finding.role(work, role_id)
    finding.refuse_immutable(role, "role")
    removing.role(work, role)


def show(work: Work, role_id: str) -> Role:
    return finding.role(work, role_id)


def find(work: Work, equals: Values) -> list[Role]:
    return store.ROLES.find(work.tx, **equals)


def implied_by(work: Work, role_id: str) -> tuple[Role, list[Role]]:
    """A role and what it implies directly."""
    prior = finding.role(work, role_id)
    rows = store.IMPLICATIONS.find(work.tx, prior_role_id=role_id)
    return prior, store.ROLES.find(work.tx, id=[row.implied_role_id for row in rows])


def all_implications(work: Work) -> list[tuple[Role, list[Role]]]:
    priors = {row.prior_role_id for row in store.IMPLICATIONS.find(work.tx)}
    return [implied_by(work, role_id) for role_id in sorted(priors)]


def pair(work: Work, prior_id: str, implied_id: str) -> tuple[Role, Role]:
    return finding.role(work, prior_id), finding.role(work, implied_id)


def implication(work: Work, prior_id: str, implied_id: str) -> tuple[Role, Role]:
    """Raises NotFound where the one does not imply the other."""
    roles = pair(work, prior_id, implied_id)
    if store.IMPLICATIONS.get(work.tx, prior_role_id=prior_id, implied_role_id=implied_id) is None:
        raise NotFound(f"{prior_id} does not imply {implied_id}.")
    return roles


def imply(work: Work, prior_id: str, implied_id: str) -> tuple[Role, Role]:
    """Raises Conflict for what is there already, Forbidden for implying admin, or a domain's role by a global one."""
    prior, implied = pair(work, prior_id, implied_id)
    if implied.domain_id and not prior.domain_id:
        raise Forbidden("A global role cannot imply a domain-specific one.")
    if implied.name == "admin" and not implied.domain_id:
        raise Forbidden(f"{implied_id} cannot be an implied role.")
    if store.IMPLICATIONS.get(work.tx, prior_role_id=prior_id, implied_role_id=implied_id):
        raise Conflict(f"Conflict occurred attempting to store role inference: {prior_id} implies {implied_id}.")
    store.IMPLICATIONS.add(work.tx, Implication(prior_role_id=prior_id, implied_role_id=implied_id))
    return prior, implied


def unimply(work: Work, prior_id: str, implied_id: str) -> None:
    implication(work, prior_id, implied_id)
    store.IMPLICATIONS.remove(work.tx, prior_role_id=prior_id, implied_role_id=implied_id)
