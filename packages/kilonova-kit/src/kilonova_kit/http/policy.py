"""Who may call an operation: a rule with a name that operators can override.

A rule looks at roles and scope only. Whether a *thing* belongs to the caller is checked in ``app``, where a stranger's
thing is "not found". The defaults are those of today's OpenStack (reader, member, manager, admin, service).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from kilonova_kit.errors import BadRequest, Forbidden
from kilonova_kit.http.identity import Identity

Rule = Callable[[Identity], bool]


def anyone(identity: Identity) -> bool:
    return True


def authenticated(identity: Identity) -> bool:
    return bool(identity.user_id)


def reader(identity: Identity) -> bool:
    return bool(identity.roles & {"reader", "member", "manager", "admin", "service"})


def member(identity: Identity) -> bool:
    return bool(identity.roles & {"member", "manager", "admin"})


def manager(identity: Identity) -> bool:
    return bool(identity.roles & {"manager", "admin"})


def admin(identity: Identity) -> bool:
    return identity.is_admin


def admin_or_service(identity: Identity) -> bool:
    return identity.is_admin or identity.is_service


def service(identity: Identity) -> bool:
    return identity.is_service


def nobody(identity: Identity) -> bool:
    return False


#: What an operator may write in the settings' ``[policy]`` table; ``role:NAME`` is understood as well.
RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (anyone, authenticated, reader, member, manager, admin, admin_or_service, service, nobody)
}


class Policy(msgspec.Struct, frozen=True):
    """A named decision, for example ``os_compute_api:servers:create`` decided by ``member``."""

    name: str
    rule: Rule


def rule_named(text: str) -> Rule:
    """Find the rule that an operator wrote. Raises BadRequest with the words that exist."""
    if text.startswith("role:"):
        role = text.removeprefix("role:")
        return lambda identity: role in identity.roles
    if text not in RULES:
        raise BadRequest(f"no policy rule {text!r}: write role:NAME or one of {', '.join(RULES)}")
    return RULES[text]


class PolicyBook:
    """The policies in force: the defaults, with the operator's overrides."""

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        self._overrides = {name: rule_named(text) for name, text in (overrides or {}).items()}

    def allows(self, policy: Policy, identity: Identity) -> bool:
        return self._overrides.get(policy.name, policy.rule)(identity)

    def enforce(self, policy: Policy, identity: Identity) -> None:
        """Raise Forbidden, in the words of oslo.policy, when the identity may not."""
        if not self.allows(policy, identity):
            raise Forbidden(f"Policy doesn't allow {policy.name} to be performed.")
