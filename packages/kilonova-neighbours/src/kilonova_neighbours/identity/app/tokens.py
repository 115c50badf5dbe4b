"""Tokens: made from a payload, and examined against the database whenever they are used.

    text --keys--> payload --examine--> facts          (facts are remembered until the next write)

The payload is believed only for who, which scope and when; everything else is what the database says now.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from typing import Any

import msgspec
from kilonova_kit.errors import Forbidden, Unauthenticated
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app.identity import IdentityApp
from kilonova_neighbours.identity.app.roles_of import expanded, roles_on
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.credentials import AccessRule, ApplicationCredential, Trust
from kilonova_neighbours.identity.model.projects import Project
from kilonova_neighbours.identity.model.roles import Role
from kilonova_neighbours.identity.model.tokens import Payload, Revocation, Scope, ScopeKind, TokenFacts
from kilonova_neighbours.identity.model.users import User

REFUSED = "The request you have made requires authentication."

_FORMAT = 1
_METHODS = ("password", "token", "application_credential", "totp", "external", "mapped", "oauth1")
_SCOPES: tuple[ScopeKind, ...] = ("unscoped", "project", "domain", "system")
#: Longer texts are no tokens of ours.
_LONGEST = 1024


def new_audit_id() -> str:
    return secrets.token_urlsafe(16)


def write(app: IdentityApp, payload: Payload) -> str:
    """A token's text: an encrypted MessagePack list, ids as bytes where they are hexadecimal."""
    plain: list[Any] = [
        _FORMAT,
        _pack(payload.user_id),
        sum(1 << _METHODS.index(method) for method in payload.methods),
        _SCOPES.index(payload.scope.kind),
        _pack(payload.scope.id),
        [base64.urlsafe_b64decode(audit_id + "==") for audit_id in payload.audit_ids],
        payload.issued_at,
        payload.expires_at,
        _pack(payload.application_credential_id),
        _pack(payload.trust_id),
    ]
    return app.keys.encrypt(msgspec.msgpack.encode(plain))


def read(app: IdentityApp, text: str) -> Payload | None:
    """None for what is not a token of ours."""
    plain = app.keys.decrypt(text) if text.isascii() and len(text) <= _LONGEST else None
    if plain is None:
        return None
    try:
        form, user, methods, kind, scope, audits, issued, expires, credential, trust = msgspec.msgpack.decode(plain)
    except (msgspec.DecodeError, ValueError, binascii.Error):
        return None
    if form != _FORMAT:
        return None
    return Payload(
        user_id=_unpack(user),
        methods=tuple(name for bit, name in enumerate(_METHODS) if methods & (1 << bit)),
        scope=Scope(_SCOPES[kind], _unpack(scope)),
        audit_ids=tuple(base64.urlsafe_b64encode(audit).decode().rstrip("=") for audit in audits),
        issued_at=issued,
        expires_at=expires,
        application_credential_id=_unpack(credential),
        trust_id=_unpack(trust),
    )


def _pack(identifier: str) -> bytes | str:
    try:
        packed = bytes.fromhex(identifier)
    except ValueError:
        return identifier
    return packed if packed.hex() == identifier and packed else identifier


def _unpack(packed: bytes | str) -> str:
    return packed if isinstance(packed, str) else packed.hex()


async def facts_of(app: IdentityApp, text: str) -> TokenFacts:
    """What a token is worth now. Raises Unauthenticated."""
    payload = read(app, text)
    if payload is None or payload.expires_at <= app.clock():
        raise Unauthenticated(REFUSED)
    key = ("token", hashlib.sha256(text.encode()).digest())
    facts = await app.remember(key, examine_quietly, payload)
    if facts is None or _runs_out(facts) <= app.clock():
        raise Unauthenticated(REFUSED)
    return facts


def _runs_out(facts: TokenFacts) -> float:
    credential, trust = facts.application_credential, facts.trust
    return min(
        facts.payload.expires_at,
        (credential.expires_at if credential else None) or facts.payload.expires_at,
        (trust.expires_at if trust else None) or facts.payload.expires_at,
    )


def examine_quietly(work: Work, payload: Payload) -> TokenFacts | None:
    """Facts, or None for a token that is no longer good: a wrong answer is remembered as well as a right one."""
    try:
        return examine(work, payload)
    except (Unauthenticated, Forbidden):
        return None


def examine(work: Work, payload: Payload) -> TokenFacts:
    """Look everything up. Raises Unauthenticated, or Forbidden where a trustor has lost what was trusted."""
    _refuse_revoked(work, payload)
    user, user_domain = _live_user(work, payload.user_id, payload.issued_at)
    facts = TokenFacts(payload=payload, user=user, user_domain=user_domain)
    if payload.scope.kind in ("project", "domain"):
        facts = _scoped(work, facts)
    roles, extra = _roles(work, facts), dict[str, Any]()
    if payload.application_credential_id:
        credential = _live_credential(work, payload)
        roles = _still_held(work, credential.role_ids, roles)
        extra = {"application_credential": credential, "access_rules": access_rules_of(work, credential)}
    elif payload.trust_id:
        trust = _live_trust(work, payload)
        roles = _trusted(work, trust, facts)
        extra = {"trust": trust}
    if payload.scope.kind != "unscoped" and not roles:
        raise Unauthenticated(REFUSED)
    return msgspec.structs.replace(facts, roles=roles, **extra)


def _refuse_revoked(work: Work, payload: Payload) -> None:
    """By its own audit id only: dashboards drop the token they rescoped from and go on with the new one."""
    if store.REVOCATIONS.get(work.tx, audit_id=payload.audit_ids[0]):
        raise Unauthenticated(REFUSED)
    if not payload.scope.id:
        return
    for event in store.REVOCATIONS.find(work.tx, user_id=payload.user_id, target_id=payload.scope.id):
        if payload.issued_at < event.issued_before:
            raise Unauthenticated(REFUSED)


def _live_user(work: Work, user_id: str, issued_at: float) -> tuple[User, Project]:
    user = store.USERS.get(work.tx, id=user_id)
    if user is None or not user.enabled or issued_at < user.tokens_valid_from:
        raise Unauthenticated(REFUSED)
    return user, _live_project(work, user.domain_id, issued_at)


def _live_project(work: Work, project_id: str, issued_at: float) -> Project:
    project = store.PROJECTS.get(work.tx, id=project_id)
    if project is None or not project.enabled or issued_at < project.tokens_valid_from:
        raise Unauthenticated(REFUSED)
    return project


def _scoped(work: Work, facts: TokenFacts) -> TokenFacts:
    scope, issued_at = facts.payload.scope, facts.payload.issued_at
    target = _live_project(work, scope.id, issued_at)
    if scope.kind == "domain":
        if not target.is_domain:
            raise Unauthenticated(REFUSED)
        return msgspec.structs.replace(facts, domain=target)
    domain = target if target.is_domain else _live_project(work, target.domain_id, issued_at)
    return msgspec.structs.replace(facts, project=target, project_domain=domain)


def _roles(work: Work, facts: TokenFacts) -> tuple[Role, ...]:
    kind = facts.payload.scope.kind
    if kind == "unscoped" or facts.payload.trust_id:
        return ()
    return roles_on(work, facts.user.id, kind, facts.project or facts.domain)


def _still_held(work: Work, role_ids: list[str], held: tuple[Role, ...]) -> tuple[Role, ...]:
    """Delegated roles, as far as the delegating user still has them."""
    have = {role.id for role in held}
    return expanded(work, [role_id for role_id in role_ids if role_id in have])


def _live_credential(work: Work, payload: Payload) -> ApplicationCredential:
    found = store.APPLICATION_CREDENTIALS.get(work.tx, id=payload.application_credential_id, user_id=payload.user_id)
    if found is None or (found.expires_at is not None and found.expires_at <= work.now):
        raise Unauthenticated(REFUSED)
    return found


def access_rules_of(work: Work, credential: ApplicationCredential) -> tuple[AccessRule, ...] | None:
    """None: every call is allowed. An empty list allows none."""
    if credential.access_rule_ids is None:
        return None
    return tuple(store.ACCESS_RULES.find(work.tx, id=credential.access_rule_ids))


def _live_trust(work: Work, payload: Payload) -> Trust:
    trust = store.TRUSTS.get(work.tx, id=payload.trust_id)
    if trust is None or (trust.expires_at is not None and trust.expires_at <= work.now):
        raise Unauthenticated(REFUSED)
    for user_id in (trust.trustor_user_id, trust.trustee_user_id):
        _live_user(work, user_id, payload.issued_at)
    return trust


def _trusted(work: Work, trust: Trust, facts: TokenFacts) -> tuple[Role, ...]:
    if facts.project is None:
        return ()
    held = roles_on(work, trust.trustor_user_id, "project", facts.project)
    if not set(trust.role_ids) <= {role.id for role in held}:
        raise Forbidden("Trustor no longer has the roles that were delegated.")
    return _still_held(work, trust.role_ids, held)


def revoke(work: Work, payload: Payload) -> None:
    """Refuse this token from now on."""
    store.REVOCATIONS.add(
        work.tx, Revocation(id=new_hex_id(), audit_id=payload.audit_ids[0], expires_at=payload.expires_at + 60)
    )


def revoke_on(work: Work, user_id: str, target_id: str) -> None:
    """Refuse a user's tokens on a target that were issued before now."""
    last = work.now + work.settings.token_seconds + 60
    event = Revocation(id=new_hex_id(), user_id=user_id, target_id=target_id, issued_before=work.now, expires_at=last)
    store.REVOCATIONS.add(work.tx, event)
