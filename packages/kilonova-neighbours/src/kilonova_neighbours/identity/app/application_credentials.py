"""Application credentials: a user's secret for programs, with some of the roles the user has on one project."""

from __future__ import annotations

import secrets

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, Forbidden
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding, tokens
from kilonova_neighbours.identity.app.changes import Values
from kilonova_neighbours.identity.app.identity import IdentityApp
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.credentials import AccessRule, ApplicationCredential
from kilonova_neighbours.identity.model.roles import Role
from kilonova_neighbours.identity.model.tokens import TokenFacts


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A credential with the things it names. ``secret`` is known only when it is made."""

    credential: ApplicationCredential
    roles: list[Role]
    access_rules: list[AccessRule] | None
    secret: str = ""


async def create(app: IdentityApp, facts: TokenFacts, values: Values) -> Whole:
    """``facts``: the caller's own project-scoped token, whose roles limit the credential's. Raises BadRequest."""
    values = dict(values)
    secret = values.pop("secret", None) or secrets.token_urlsafe(64)
    hashed = await app.passwords.hash(secret)
    whole = await app.write(_create, facts, values, hashed)
    return msgspec.structs.replace(whole, secret=secret)


def _create(work: Work, facts: TokenFacts, values: Values, secret_hash: str) -> Whole:
    if facts.project is None:
        raise BadRequest("Application credentials need a token scoped to a project.")
    _refuse_taken(work, facts.user.id, values["name"])
    expires_at = values.get("expires_at")
    if expires_at is not None and expires_at <= work.now:
        raise BadRequest("The expiration time of an application credential must be in the future.")
    rules = _access_rules(work, facts.user.id, values.get("access_rules"))
    credential = ApplicationCredential(
        id=new_hex_id(),
        name=values["name"],
        user_id=facts.user.id,
        project_id=facts.project.id,
        secret_hash=secret_hash,
        role_ids=_role_ids(work, facts, values.get("roles")),
        description=values.get("description"),
        expires_at=expires_at,
        unrestricted=bool(values.get("unrestricted")),
        access_rule_ids=None if rules is None else [rule.id for rule in rules],
    )
    store.APPLICATION_CREDENTIALS.add(work.tx, credential)
    return _whole(work, credential)


def _refuse_taken(work: Work, user_id: str, name: str) -> None:
    if store.APPLICATION_CREDENTIALS.get(work.tx, user_id=user_id, name=name):
        raise Conflict(
            f"Conflict occurred attempting to store application_credential - Duplicate entry found with name {name}."
        )


def _role_ids(work: Work, facts: TokenFacts, wanted: list[Values] | None) -> list[str]:
    held = {role.id: role for role in facts.roles}
    if not wanted:
        return list(held)
    found = [finding.meant_role(work, reference).id for reference in wanted]
    for role_id in found:
        if role_id not in held:
            raise BadRequest(f"Invalid application credential: Could not find role assignment with role: {role_id}.")
    return found


def _access_rules(work: Work, user_id: str, wanted: list[Values] | None) -> list[AccessRule] | None:
    """A rule the user has already is used again: rules are kept per user."""
    return None if wanted is None else [_access_rule(work, user_id, rule) for rule in wanted]


def _access_rule(work: Work, user_id: str, wanted: Values) -> AccessRule:
    if wanted.get("id"):
        return access_rule(work, user_id, wanted["id"])
    words = {name: wanted.get(name) for name in ("service", "method", "path")}
    missing = [name for name, value in words.items() if not value]
    if missing:
        raise BadRequest(f"Invalid input for field/attribute access_rules. '{missing[0]}' is a required property")
    if known := store.ACCESS_RULES.get(work.tx, user_id=user_id, **words):
        return known
    rule = AccessRule(id=new_hex_id(), user_id=user_id, **{name: str(value) for name, value in words.items()})
    return store.ACCESS_RULES.add(work.tx, rule)


def _whole(work: Work, credential: ApplicationCredential) -> Whole:
    rules = tokens.access_rules_of(work, credential)
    return Whole(
        credential=credential,
        roles=store.ROLES.find(work.tx, id=credential.role_ids),
        access_rules=None if rules is None else list(rules),
    )


def show(work: Work, user_id: str, credential_id: str) -> Whole:
    found = store.APPLICATION_CREDENTIALS.get(work.tx, id=credential_id, user_id=user_id)
    return _whole(work, finding.must(found, "application credential", credential_id))


def find(work: Work, user_id: str, equals: Values) -> list[Whole]:
    finding.user(work, user_id)
    found = store.APPLICATION_CREDENTIALS.find(work.tx, user_id=user_id, **equals)
    return [_whole(work, credential) for credential in found]


def delete(work: Work, user_id: str, credential_id: str) -> None:
    show(work, user_id, credential_id)
    store.APPLICATION_CREDENTIALS.remove(work.tx, id=credential_id)


def access_rules(work: Work, user_id: str) -> list[AccessRule]:
    finding.user(work, user_id)
    return store.ACCESS_RULES.find(work.tx, user_id=user_id)


def access_rule(work: Work, user_id: str, rule_id: str) -> AccessRule:
    return finding.must(store.ACCESS_RULES.get(work.tx, id=rule_id, user_id=user_id), "access rule", rule_id)


def delete_access_rule(work: Work, user_id: str, rule_id: str) -> None:
    """Raises Forbidden while a credential has it."""
    access_rule(work, user_id, rule_id)
    for credential in store.APPLICATION_CREDENTIALS.find(work.tx, user_id=user_id):
        if rule_id in (credential.access_rule_ids or ()):
            raise Forbidden("May not delete access rule in use by an application credential.")
    store.ACCESS_RULES.remove(work.tx, id=rule_id)
