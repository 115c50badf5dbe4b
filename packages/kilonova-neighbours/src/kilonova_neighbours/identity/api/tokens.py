"""Tokens on the wire: POST, GET, HEAD and DELETE /v3/auth/tokens, and what a token can be used for (/v3/auth/...)."""

from __future__ import annotations

from typing import Any

from kilonova_kit.clock import iso_micros
from kilonova_kit.errors import BadRequest, NotFound, Unauthenticated
from kilonova_kit.http.operations import Answer

from kilonova_neighbours.identity.api.answers import Plain, is_true, origin, query
from kilonova_neighbours.identity.api.permits import IdentityCall, permit, reading_or_service
from kilonova_neighbours.identity.api.types.tokens import (
    Authenticate,
    DomainReference,
    IdentityPart,
    ProjectScope,
    ScopePart,
    UserBody,
)
from kilonova_neighbours.identity.app import authentication, tokens
from kilonova_neighbours.identity.app.catalog import catalog_of
from kilonova_neighbours.identity.app.roles_of import roles_on
from kilonova_neighbours.identity.model.authentication import (
    ApplicationCredentialProof,
    PasswordProof,
    Proof,
    TokenProof,
    UserReference,
    WantedScope,
)
from kilonova_neighbours.identity.model.credentials import AccessRule, Trust
from kilonova_neighbours.identity.model.projects import Project
from kilonova_neighbours.identity.model.tokens import TokenFacts

_VARY = {"Vary": "X-Auth-Token"}


async def create(call: IdentityCall) -> Answer:
    body: Authenticate = call.body
    text, facts = await authentication.authenticate(call.app, _proofs(body.auth.identity), _wanted(body.auth.scope))
    token = await _token(call, facts)
    return Answer({"token": token}, 201, {"X-Subject-Token": text, **_VARY})


def _proofs(part: IdentityPart) -> list[Proof]:
    if not part.methods:
        raise BadRequest("Expecting to find methods in identity.")
    return [_proof(part, method) for method in dict.fromkeys(part.methods)]


def _proof(part: IdentityPart, method: str) -> Proof:
    if method == "password" and part.password:
        user = part.password.user
        if user.password is None:
            raise BadRequest("Expecting to find password in user.")
        return PasswordProof(user=_user(user), password=user.password)
    if method == "token" and part.token:
        return TokenProof(token=part.token.id)
    if method == "application_credential" and (given := part.application_credential):
        if not given.id and not (given.name and given.user):
            raise BadRequest("Expecting to find id, or name and user, in application_credential.")
        user_meant = _user(given.user) if given.user and not given.id else UserReference()
        return ApplicationCredentialProof(
            id=given.id or "", name=given.name or "", user=user_meant, secret=given.secret
        )
    if method in ("password", "token", "application_credential"):
        raise BadRequest(f"Expecting to find {method} in identity.")
    raise Unauthenticated("Attempted to authenticate with an unsupported method.")


def _user(user: UserBody) -> UserReference:
    domain = user.domain or DomainReference()
    if not user.id and not (user.name and (domain.id or domain.name)):
        raise BadRequest("Expecting to find id, or name and domain, in user.")
    return UserReference(
        id=user.id or "", name=user.name or "", domain_id=domain.id or "", domain_name=domain.name or ""
    )


def _wanted(scope: ScopePart | str | None) -> WantedScope:
    if scope is None:
        return WantedScope()
    if isinstance(scope, str):
        if scope != "unscoped":
            raise BadRequest(f"Invalid input for field/attribute scope. '{scope}' is not a scope.")
        return WantedScope(kind="unscoped")
    given = [
        part for part in (scope.project, scope.domain, scope.system, scope.trust, scope.unscoped) if part is not None
    ]
    if len(given) > 1:
        raise BadRequest("Scope information is ambiguous: give one of project, domain, system or OS-TRUST:trust.")
    if scope.project is not None:
        return _wanted_project(scope.project)
    if scope.domain is not None:
        return WantedScope(kind="domain", id=scope.domain.id or "", name=scope.domain.name or "")
    if scope.system is not None and scope.system.all:
        return WantedScope(kind="system")
    if scope.trust is not None:
        return WantedScope(kind="trust", id=scope.trust.id)
    return WantedScope(kind="unscoped" if scope.unscoped is not None else "default")


def _wanted_project(project: ProjectScope) -> WantedScope:
    domain = project.domain or DomainReference()
    if not project.id and not (project.name and (domain.id or domain.name)):
        raise BadRequest("Expecting to find id, or name and domain, in project.")
    return WantedScope(
        kind="project",
        id=project.id or "",
        name=project.name or "",
        domain_id=domain.id or "",
        domain_name=domain.name or "",
    )


async def _subject(call: IdentityCall, policy: str) -> tuple[str, TokenFacts]:
    """The token that is asked about. A token may always ask about itself, and its user's others."""
    text = call.request.get_header("X-Subject-Token")
    if not text:
        raise BadRequest("Expecting to find X-Subject-Token in the headers.")
    try:
        facts = await tokens.facts_of(call.app, text)
    except Unauthenticated:
        raise NotFound("Could not find token.") from None
    allowed = reading_or_service(call.identity) if policy == "identity:validate_token" else call.identity.is_admin
    permit(allowed or facts.user.id == call.identity.user_id, policy)
    return text, facts


async def show(call: IdentityCall) -> Answer:
    """A token with access rules is shown only to services that will keep them (keystonemiddleware's header)."""
    text, facts = await _subject(call, "identity:validate_token")
    if facts.access_rules is not None and not call.request.get_header("OpenStack-Identity-Access-Rules"):
        raise NotFound("Could not find token.")
    token = await _token(call, facts)
    return Answer({"token": token}, 200, {"X-Subject-Token": text, **_VARY})


async def delete(call: IdentityCall) -> Answer:
    _, facts = await _subject(call, "identity:revoke_token")
    await call.app.write(tokens.revoke, facts.payload)
    return Answer(status=204, headers=_VARY)


async def _token(call: IdentityCall, facts: TokenFacts) -> Plain:
    token = rendered(facts)
    if facts.payload.scope.kind != "unscoped" and not is_true(query(call).get("nocatalog")):
        token["catalog"] = await catalog_of(call.app, facts, origin(call))
    return token


def rendered(facts: TokenFacts) -> Plain:
    """The ``token`` object without its catalog."""
    payload = facts.payload
    user = {
        "id": facts.user.id,
        "name": facts.user.name,
        "domain": _named(facts.user_domain),
        "password_expires_at": None,
    }
    token: Plain = {
        "methods": list(payload.methods),
        "user": user,
        "audit_ids": list(payload.audit_ids),
        "expires_at": iso_micros(payload.expires_at) + "Z",
        "issued_at": iso_micros(payload.issued_at) + "Z",
    }
    if payload.scope.kind != "unscoped":
        token["roles"] = [{"id": role.id, "name": role.name} for role in facts.roles]
    token.update(_scope(facts))
    token.update(_delegation(facts))
    return token


def _scope(facts: TokenFacts) -> Plain:
    if facts.project is not None:
        domain = facts.project_domain or facts.project
        project = {"id": facts.project.id, "name": facts.project.name, "domain": _named(domain)}
        return {"project": project, "is_domain": facts.project.is_domain}
    if facts.domain is not None:
        return {"domain": _named(facts.domain)}
    return {"system": {"all": True}} if facts.payload.scope.kind == "system" else {}


def _named(project: Project) -> dict[str, str]:
    return {"id": project.id, "name": project.name}


def _delegation(facts: TokenFacts) -> Plain:
    if facts.trust is not None:
        return {"OS-TRUST:trust": _trust(facts.trust)}
    if (credential := facts.application_credential) is None:
        return {}
    plain: Plain = {"id": credential.id, "name": credential.name, "restricted": not credential.unrestricted}
    if facts.access_rules is not None:
        plain["access_rules"] = [_rule(rule) for rule in facts.access_rules]
    return {"application_credential": plain}


def _trust(trust: Trust) -> Plain:
    return {
        "id": trust.id,
        "impersonation": trust.impersonation,
        "trustor_user": {"id": trust.trustor_user_id},
        "trustee_user": {"id": trust.trustee_user_id},
    }


def _rule(rule: AccessRule) -> Plain:
    return {"id": rule.id, "service": rule.service, "method": rule.method, "path": rule.path}


async def catalog(call: IdentityCall) -> Any:
    """GET /v3/auth/catalog: only a scoped token has one."""
    facts = await tokens.facts_of(call.app, call.identity.token)
    if facts.payload.scope.kind == "unscoped":
        raise Unauthenticated(tokens.REFUSED)
    entries = await catalog_of(call.app, facts, origin(call))
    return {"catalog": entries, "links": {"self": call.own_url}}


async def system(call: IdentityCall) -> Plain:
    """GET /v3/auth/system: whether this user could have a token for the system."""
    roles = await call.app.read(roles_on, call.identity.user_id, "system", None)
    return {"system": [{"all": True}] if roles else [], "links": {"self": call.own_url}}
