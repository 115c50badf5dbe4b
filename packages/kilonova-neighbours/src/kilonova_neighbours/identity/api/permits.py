"""Who may: Keystone's secure defaults as rules of the edge, and the checks that need to know the target.

    admin                    the role admin, in any scope
    reading                  admin, or a reader of the system
    domain_reading           and readers of the domain concerned (their scope is a domain)
    domain_managing          admin, or a manager of the domain concerned
    own                      whoever has a token; the handler then asks ``permit`` with the owner

An edge rule looks at the token only. Where it lets a domain-scoped token or an owner pass, the handler must ask
``permit`` (or narrow its list) once it knows whose thing it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilonova_kit.errors import Forbidden, NotFound, Unauthenticated
from kilonova_kit.http.identity import AccessRule, Identity
from kilonova_kit.http.operations import Call

from kilonova_neighbours.identity.app import tokens
from kilonova_neighbours.identity.app.identity import IdentityApp
from kilonova_neighbours.identity.model.tokens import TokenFacts

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import TypeVar

    T = TypeVar("T")

#: Whatever else its access rules say, a token may ask what it is.
_ASK_ABOUT_ITSELF = AccessRule("identity", "GET", "/v3/auth/tokens")

#: A call to the identity service whose body and query are read by the handler itself.
IdentityCall = Call[IdentityApp, Any, Any]


def own(identity: Identity) -> bool:
    return bool(identity.user_id)


def reading(identity: Identity) -> bool:
    return identity.is_admin or (identity.system_scope and "reader" in identity.roles)


def reading_or_service(identity: Identity) -> bool:
    return reading(identity) or identity.is_service


def domain_reading(identity: Identity) -> bool:
    return reading(identity) or (identity.domain_id is not None and "reader" in identity.roles)


def domain_managing(identity: Identity) -> bool:
    return identity.is_admin or (identity.domain_id is not None and "manager" in identity.roles)


def may_read(identity: Identity, *, owner: str = "", domain: str = "", project: str = "") -> bool:
    """Whether this identity may see a thing of that owner, domain or project."""
    return (
        reading(identity)
        or bool(owner and owner == identity.user_id)
        or bool(domain and domain == identity.domain_id and "reader" in identity.roles)
        or bool(project and project == identity.project_id)
    )


def may_manage(identity: Identity, *, domain: str = "", owner: str = "") -> bool:
    """Whether this identity may change a thing of that domain or owner."""
    return (
        identity.is_admin
        or bool(owner and owner == identity.user_id)
        or bool(domain and domain == identity.domain_id and "manager" in identity.roles)
    )


def permit(allowed: bool, policy: str) -> None:
    """Raise Forbidden in Keystone's words."""
    if not allowed:
        raise Forbidden(f"You are not authorized to perform the requested action: {policy}.")


async def target(call: IdentityCall, policy: str, found: Awaitable[T]) -> T:
    """The thing asked for. Who may not read everything learns no difference between "not there" and "not yours"."""
    try:
        return await found
    except NotFound:
        permit(reading(call.identity), policy)
        raise


def domain_of_reader(identity: Identity) -> str:
    """The domain a reader's lists are narrowed to; "" for all."""
    return "" if reading(identity) else identity.domain_id or ""


async def facts(call: IdentityCall) -> TokenFacts:
    """Everything about the caller's own token."""
    return await tokens.facts_of(call.app, call.identity.token)


async def refuse_delegation(call: IdentityCall, policy: str) -> None:
    """Who acts by an application credential may not make more of them, unless it is an unrestricted one."""
    mine = await facts(call)
    credential = mine.application_credential
    permit(credential is None or credential.unrestricted, policy)


class Authenticator:
    """Whose token it is, from our own database: the identity service asks nobody else."""

    def __init__(self, app: IdentityApp) -> None:
        self._app = app

    async def identify(self, token: str) -> Identity | None:
        try:
            return identity_of(await tokens.facts_of(self._app, token), token)
        except Unauthenticated:
            return None


def identity_of(known: TokenFacts, token: str) -> Identity:
    return Identity(
        user_id=known.user.id,
        user_name=known.user.name,
        user_domain_id=known.user.domain_id,
        project_id=known.project.id if known.project else None,
        project_name=known.project.name if known.project else "",
        project_domain_id=known.project_domain.id if known.project_domain else "",
        domain_id=known.domain.id if known.domain else None,
        system_scope=known.payload.scope.kind == "system",
        roles=frozenset(role.name for role in known.roles),
        expires_at=known.payload.expires_at,
        token=token,
        access_rules=_rules(known),
    )


def _rules(known: TokenFacts) -> tuple[AccessRule, ...] | None:
    if known.access_rules is None:
        return None
    rules = (AccessRule(rule.service, rule.method, rule.path) for rule in known.access_rules)
    return (_ASK_ABOUT_ITSELF, *rules)
