"""From proofs to a token: who it is, whether they are locked out, which scope they get.

Every failure is the same 401, and takes as long whether the user exists or not; the log says why, without secrets.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence

import msgspec
from kilonova_kit.errors import Forbidden, Unauthenticated

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import tokens
from kilonova_neighbours.identity.app.identity import IdentityApp
from kilonova_neighbours.identity.app.roles_of import roles_on
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.authentication import (
    ApplicationCredentialProof,
    PasswordProof,
    Proof,
    Proven,
    TokenProof,
    UserReference,
    WantedScope,
)
from kilonova_neighbours.identity.model.credentials import ApplicationCredential
from kilonova_neighbours.identity.model.projects import Project
from kilonova_neighbours.identity.model.tokens import Payload, Scope, TokenFacts
from kilonova_neighbours.identity.model.users import User
from kilonova_neighbours.identity.settings import IdentitySettings

log = logging.getLogger(__name__)


def refused(why: str) -> Unauthenticated:
    """The one answer; the reason is only for the log."""
    log.info("authentication refused: %s", why)
    return Unauthenticated(tokens.REFUSED)


async def authenticate(app: IdentityApp, proofs: Sequence[Proof], wanted: WantedScope) -> tuple[str, TokenFacts]:
    """Make a token. Raises Unauthenticated, Forbidden, BadRequest."""
    proven = _merged([await _prove(app, proof, wanted) for proof in proofs])
    if wanted.kind == "trust":
        facts = await app.write_aside(_facts_by_trust, proven, wanted)
    else:
        facts = await _fresh_facts(app, proven, wanted)
    return tokens.write(app, facts.payload), facts


async def _fresh_facts(app: IdentityApp, proven: Proven, wanted: WantedScope) -> TokenFacts:
    """What a user is worth in a scope is remembered like any look-up; the payload around it is new each time."""
    key = ("scope", proven.user_id, proven.application_credential_id, wanted)
    known = await app.remember(key, _facts, proven, wanted)
    payload = _payload(app.clock(), app.settings, proven, known.payload.scope)
    return msgspec.structs.replace(known, payload=payload)


def _merged(found: Sequence[Proven]) -> Proven:
    """Several methods must all be about the same user."""
    first = found[0]
    if any(proven.user_id != first.user_id for proven in found):
        raise refused("the methods name different users")
    lives = [proven.expires_at for proven in found if proven.expires_at is not None]
    return msgspec.structs.replace(
        first,
        methods=tuple(dict.fromkeys(method for proven in found for method in proven.methods)),
        chain=next((proven.chain for proven in found if proven.chain), ""),
        expires_at=min(lives, default=None),
        application_credential_id=next((p.application_credential_id for p in found if p.application_credential_id), ""),
    )


async def _prove(app: IdentityApp, proof: Proof, wanted: WantedScope) -> Proven:
    match proof:
        case PasswordProof():
            user = await _prove_password(app, proof)
            return Proven(user_id=user.id, methods=("password",))
        case TokenProof():
            return await _prove_token(app, proof, wanted)
        case ApplicationCredentialProof():
            return await _prove_application_credential(app, proof)


async def _prove_password(app: IdentityApp, proof: PasswordProof) -> User:
    user = await app.read(referenced_user, proof.user)
    return await check_password(app, user, proof.password, asked=proof.user)


async def check_password(app: IdentityApp, user: User | None, password: str, *, asked: Hashable) -> User:
    """Check first, decide afterwards: the time taken says nothing. Raises Unauthenticated.

    ``asked`` is whom the client named. Guesses at one user's password take turns, and each is counted before the next:
    many at once must not all start from the same count.
    """
    if user is not None and app.passwords.remembers(user.password_hash, password):
        return await _judged(app, user, True)
    async with app.passwords.turn_of(user.id if user else asked):
        right = await app.passwords.check(user.password_hash if user else None, password)
        return await _judged(app, user, right)


async def _judged(app: IdentityApp, user: User | None, right: bool) -> User:
    """The user as it is now, unless the guess was wrong, came too late, or was one too many."""
    known_hash = user.password_hash if user else None
    user = await app.read(_again, user.id) if user else None
    if user is None or user.password_hash != known_hash:
        raise refused("no such user, or disabled, or with another password meanwhile")
    if locked(app, user):
        raise refused(f"user {user.id} is locked after {user.failures} wrong passwords")
    if not right:
        await app.write_aside(_count_failure, user.id)
        raise refused(f"wrong password for user {user.id}")
    if user.failures:
        await app.write_aside(_forget_failures, user.id)
    return user


def _again(work: Work, user_id: str) -> User | None:
    return store.USERS.get(work.tx, id=user_id, enabled=True)


def locked(app: IdentityApp, user: User) -> bool:
    most = app.settings.lockout_failures
    if not most or user.options.get("ignore_lockout_failure_attempts"):
        return False
    return user.failures >= most and app.clock() - user.failed_at < app.settings.lockout_seconds


def _count_failure(work: Work, user_id: str) -> None:
    """A new row of failures starts when an old lock is over."""
    user = store.USERS.get(work.tx, id=user_id)
    if user is None:
        return
    over = user.failures >= work.settings.lockout_failures > 0
    counted = 1 if over else user.failures + 1
    store.USERS.change(work.tx, msgspec.structs.replace(user, failures=counted, failed_at=work.now))


def _forget_failures(work: Work, user_id: str) -> None:
    if user := store.USERS.get(work.tx, id=user_id):
        store.USERS.change(work.tx, msgspec.structs.replace(user, failures=0, failed_at=0.0))


def referenced_user(work: Work, reference: UserReference) -> User | None:
    """The user meant, if it and its domain are enabled."""
    if reference.id:
        user = store.USERS.get(work.tx, id=reference.id)
    else:
        domain = named_domain(work, reference.domain_id, reference.domain_name)
        user = store.USERS.get(work.tx, name=reference.name, domain_id=domain.id) if domain else None
    if user is None or not user.enabled:
        return None
    domain = store.PROJECTS.get(work.tx, id=user.domain_id)
    return user if domain and domain.enabled else None


def named_domain(work: Work, domain_id: str, name: str) -> Project | None:
    if domain_id:
        return store.PROJECTS.get(work.tx, id=domain_id, is_domain=True)
    return store.PROJECTS.get(work.tx, name=name, is_domain=True) if name else None


async def _prove_token(app: IdentityApp, proof: TokenProof, wanted: WantedScope) -> Proven:
    """A token of a delegation (a trust, an application credential) gives no other token."""
    facts = await tokens.facts_of(app, proof.token)
    payload = facts.payload
    if payload.trust_id or payload.application_credential_id:
        raise Forbidden("Tokens of a trust or of an application credential cannot be rescoped.")
    scoped = payload.scope.kind != "unscoped"
    if scoped and not app.settings.allow_rescope_scoped_token and wanted.kind != "unscoped":
        raise Forbidden("Rescoping a scoped token is not allowed.")
    return Proven(
        user_id=payload.user_id,
        methods=tuple(dict.fromkeys((*payload.methods, "token"))),
        chain=payload.audit_ids[-1],
        expires_at=payload.expires_at,
    )


async def _prove_application_credential(app: IdentityApp, proof: ApplicationCredentialProof) -> Proven:
    found = await app.read(_referenced_credential, proof)
    if not await app.passwords.check(found.secret_hash if found else None, proof.secret) or found is None:
        raise refused("application credential")
    if found.expires_at is not None and found.expires_at <= app.clock():
        raise refused(f"application credential {found.id} is over")
    return Proven(
        user_id=found.user_id,
        methods=("application_credential",),
        expires_at=found.expires_at,
        application_credential_id=found.id,
    )


def _referenced_credential(work: Work, proof: ApplicationCredentialProof) -> ApplicationCredential | None:
    if proof.id:
        return store.APPLICATION_CREDENTIALS.get(work.tx, id=proof.id)
    user = referenced_user(work, proof.user)
    return store.APPLICATION_CREDENTIALS.get(work.tx, name=proof.name, user_id=user.id) if user else None


def _facts(work: Work, proven: Proven, wanted: WantedScope) -> TokenFacts:
    if proven.application_credential_id:
        return _facts_by_credential(work, proven, wanted)
    if wanted.kind == "default":
        return _facts_by_default(work, proven)
    return tokens.examine(work, _payload(work.now, work.settings, proven, _scope(work, wanted)))


def _facts_by_default(work: Work, proven: Proven) -> TokenFacts:
    """The default project where it can be used, and no scope where it cannot."""
    user = store.USERS.get(work.tx, id=proven.user_id)
    project = None
    if user and user.default_project_id:
        project = store.PROJECTS.get(work.tx, id=user.default_project_id, enabled=True)
    if user and project and roles_on(work, user.id, "project", project):
        return tokens.examine(work, _payload(work.now, work.settings, proven, Scope("project", project.id)))
    return tokens.examine(work, _payload(work.now, work.settings, proven, Scope()))


def _facts_by_credential(work: Work, proven: Proven, wanted: WantedScope) -> TokenFacts:
    """The scope is the credential's own; asking for another one is refused."""
    credential = store.APPLICATION_CREDENTIALS.get(work.tx, id=proven.application_credential_id)
    if credential is None:
        raise refused("application credential went meanwhile")
    scope = Scope("project", credential.project_id)
    if wanted.kind != "default" and _scope(work, wanted) != scope:
        raise refused("application credentials cannot request a scope")
    return tokens.examine(work, _payload(work.now, work.settings, proven, scope))


def _scope(work: Work, wanted: WantedScope) -> Scope:
    if wanted.kind in ("unscoped", "default"):
        return Scope()
    if wanted.kind == "system":
        return Scope("system")
    if wanted.kind == "domain":
        domain = named_domain(work, wanted.id, wanted.name)
        if domain is None:
            raise refused("no such domain")
        return Scope("domain", domain.id)
    return Scope("project", _wanted_project(work, wanted).id)


def _wanted_project(work: Work, wanted: WantedScope) -> Project:
    if wanted.id:
        project = store.PROJECTS.get(work.tx, id=wanted.id)
    else:
        domain = named_domain(work, wanted.domain_id, wanted.domain_name)
        project = store.PROJECTS.get(work.tx, name=wanted.name, domain_id=domain.id) if domain else None
    if project is None:
        raise refused("no such project")
    return project


def _payload(now: float, settings: IdentitySettings, proven: Proven, scope: Scope, trust_id: str = "") -> Payload:
    latest = now + settings.token_seconds
    own = tokens.new_audit_id()
    return Payload(
        user_id=proven.user_id,
        methods=proven.methods,
        scope=scope,
        audit_ids=(own, proven.chain) if proven.chain else (own,),
        issued_at=now,
        expires_at=min(latest, proven.expires_at) if proven.expires_at is not None else latest,
        application_credential_id=proven.application_credential_id,
        trust_id=trust_id,
    )


def _facts_by_trust(work: Work, proven: Proven, wanted: WantedScope) -> TokenFacts:
    """The trustee becomes the trustor (impersonation) or stays itself, with the trusted roles; one use is used up."""
    trust = store.TRUSTS.get(work.tx, id=wanted.id)
    if trust is None or (trust.expires_at is not None and trust.expires_at <= work.now):
        raise refused("no such trust")
    if trust.trustee_user_id != proven.user_id:
        raise Forbidden("User is not a trustee.")
    if trust.remaining_uses is not None and trust.remaining_uses <= 0:
        raise refused("the trust is used up")
    user_id = trust.trustor_user_id if trust.impersonation else trust.trustee_user_id
    proven = msgspec.structs.replace(proven, user_id=user_id)
    scope = Scope("project", trust.project_id) if trust.project_id else Scope()
    payload = _payload(work.now, work.settings, proven, scope, trust.id)
    if trust.expires_at is not None:
        payload = msgspec.structs.replace(payload, expires_at=min(payload.expires_at, trust.expires_at))
    facts = tokens.examine(work, payload)
    if trust.remaining_uses is not None:
        left = msgspec.structs.replace(trust, remaining_uses=trust.remaining_uses - 1)
        store.TRUSTS.change(work.tx, left)
    return facts
