"""Trusts: a user lets another one act with some of the user's roles on a project, for a while or for some uses."""

from __future__ import annotations

import msgspec
from kilonova_kit.errors import BadRequest, Forbidden, NotFound
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding, removing
from kilonova_neighbours.identity.app.changes import Values
from kilonova_neighbours.identity.app.roles_of import roles_on
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.credentials import Trust
from kilonova_neighbours.identity.model.roles import Role
from kilonova_neighbours.identity.model.tokens import TokenFacts

#: [trust] max_redelegation_count of Keystone.
_MOST_REDELEGATIONS = 3


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A trust with its roles."""

    trust: Trust
    roles: list[Role]


def create(work: Work, facts: TokenFacts, values: Values, extra: Values) -> Whole:
    """``facts``: the caller's token. Raises Forbidden for roles that the trustor does not have."""
    trustor, trustee = values["trustor_user_id"], values["trustee_user_id"]
    _refuse_strangers(facts, trustor)
    finding.user(work, trustee)
    if (values.get("expires_at") or work.now + 1) <= work.now:
        raise BadRequest("Trust expiration time is invalid: it must be in the future.")
    count = _redelegations(facts, values)
    role_ids = _role_ids(work, facts, values)
    expires_at = values.get("expires_at") if facts.trust is None else _handed_on_until(facts.trust, values)
    trust = Trust(
        id=new_hex_id(),
        trustor_user_id=trustor,
        trustee_user_id=trustee,
        project_id=values.get("project_id"),
        impersonation=values["impersonation"],
        role_ids=role_ids,
        expires_at=expires_at,
        remaining_uses=values.get("remaining_uses"),
        redelegation_count=count,
        redelegated_trust_id=facts.trust.id if facts.trust else None,
        extra=extra,
    )
    return _whole(work, store.TRUSTS.add(work.tx, trust))


def _refuse_strangers(facts: TokenFacts, trustor: str) -> None:
    if facts.payload.application_credential_id:
        credential = facts.application_credential
        if credential is None or not credential.unrestricted:
            raise Forbidden("A restricted application credential cannot make trusts.")
    if facts.user.id != trustor:
        raise Forbidden("The authenticated user should match the trustor.")


def _redelegations(facts: TokenFacts, values: Values) -> int:
    """How often the new trust may be handed on. Raises Forbidden."""
    asked = values.get("redelegation_count")
    allowed = bool(values.get("allow_redelegation"))
    if facts.trust is None:
        if asked is not None and asked > _MOST_REDELEGATIONS:
            raise Forbidden(f"Requested redelegation depth of {asked} is greater than allowed {_MOST_REDELEGATIONS}.")
        return (asked if asked is not None else _MOST_REDELEGATIONS) if allowed else 0
    left = facts.trust.redelegation_count - 1
    if left < 0:
        raise Forbidden("Redelegation is not allowed.")
    if asked is not None and asked > left:
        raise Forbidden("Cannot redelegate more often than the trust allows.")
    if not facts.trust.impersonation and values["impersonation"]:
        raise Forbidden("Impersonation is not allowed because redelegated trust does not specify impersonation.")
    return (asked if asked is not None else left) if allowed else 0


def _handed_on_until(given: Trust, values: Values) -> float | None:
    """When a trust ends that is made from another one: no later, for no other project, and not use by use.

    Raises Forbidden (keystone/trust/core.py, _validate_redelegation; that the one given has no counted uses is ours:
    each trust made from it would have uses of its own).
    """
    uses = given.remaining_uses if given.remaining_uses is not None else values.get("remaining_uses")
    if uses is not None:
        raise Forbidden(
            f'Field "remaining_uses" is set to {uses} while it must not be set in order to redelegate a trust'
        )
    if values.get("project_id") != given.project_id:
        raise Forbidden("A trust can be redelegated only for its own project.")
    asked: float | None = values.get("expires_at")
    if asked is not None and given.expires_at is not None and asked > given.expires_at:
        raise Forbidden("Requested expiration time is more than redelegated trust can provide")
    return given.expires_at if asked is None else asked


def _role_ids(work: Work, facts: TokenFacts, values: Values) -> list[str]:
    wanted, project_id = values.get("roles") or [], values.get("project_id")
    if not project_id:
        if wanted:
            raise BadRequest("Roles can be delegated only on a project: give a project_id.")
        return []
    if not wanted:
        raise Forbidden("At least one role should be specified.")
    project = finding.project(work, project_id)
    held = {role.id for role in roles_on(work, facts.user.id, "project", project)}
    if facts.trust is not None:
        held &= set(facts.trust.role_ids)
    found = [finding.meant_role(work, reference).id for reference in wanted]
    if not set(found) <= held:
        raise Forbidden("Could not delegate a role that the trustor does not have on the project.")
    return found


def _whole(work: Work, trust: Trust) -> Whole:
    return Whole(trust=trust, roles=store.ROLES.find(work.tx, id=trust.role_ids))


def show(work: Work, trust_id: str) -> Whole:
    """An expired trust is as good as none."""
    trust = finding.must(store.TRUSTS.get(work.tx, id=trust_id), "trust", trust_id)
    if trust.expires_at is not None and trust.expires_at <= work.now:
        raise NotFound(f"Could not find trust: {trust_id}.")
    return _whole(work, trust)


def find(work: Work, equals: Values) -> list[Trust]:
    trusts = store.TRUSTS.find(work.tx, **equals)
    return [trust for trust in trusts if trust.expires_at is None or trust.expires_at > work.now]


def role(work: Work, trust_id: str, role_id: str) -> Role:
    for known in show(work, trust_id).roles:
        if known.id == role_id:
            return known
    raise NotFound(f"Could not find role: {role_id}.")


def delete(work: Work, trust_id: str) -> None:
    """Trusts that were handed on from this one go too."""
    removing.trust(work, finding.must(store.TRUSTS.get(work.tx, id=trust_id), "trust", trust_id))
