"""Application credentials and access rules on the wire: made by their user only, read and deleted by admins too."""

from __future__ import annotations

from kilonova_kit.clock import iso_micros, parse_iso
from kilonova_kit.errors import BadRequest

from kilonova_neighbours.identity.api import attributes
from kilonova_neighbours.identity.api.answers import Plain, link, listing, query
from kilonova_neighbours.identity.api.permits import (
    IdentityCall,
    facts,
    may_manage,
    may_read,
    permit,
    refuse_delegation,
)
from kilonova_neighbours.identity.api.types.credentials import CreateApplicationCredential
from kilonova_neighbours.identity.app import application_credentials
from kilonova_neighbours.identity.app.application_credentials import Whole
from kilonova_neighbours.identity.model.credentials import AccessRule


def view(call: IdentityCall, whole: Whole) -> Plain:
    credential = whole.credential
    plain: Plain = {
        "id": credential.id,
        "name": credential.name,
        "description": credential.description,
        "user_id": credential.user_id,
        "project_id": credential.project_id,
        "system": None,
        "expires_at": None if credential.expires_at is None else iso_micros(credential.expires_at),
        "unrestricted": credential.unrestricted,
        "roles": [{"id": role.id, "name": role.name, "domain_id": role.domain_id or None} for role in whole.roles],
        "links": {"self": link(call, "users", credential.user_id, "application_credentials", credential.id)},
    }
    if whole.access_rules is not None:
        plain["access_rules"] = [rule_view(rule) for rule in whole.access_rules]
    return plain


def rule_view(rule: AccessRule) -> Plain:
    return {"id": rule.id, "service": rule.service, "method": rule.method, "path": rule.path}


def moment(text: str | None) -> float | None:
    """An ISO 8601 time as seconds since the epoch. Raises BadRequest."""
    try:
        return None if text is None else parse_iso(text)
    except ValueError:
        raise BadRequest(
            f"Invalid input for field/attribute expires_at. Value: {text}. It is no ISO 8601 time."
        ) from None


async def create(call: IdentityCall) -> Plain:
    policy = "identity:create_application_credential"
    permit(call.path["user_id"] == call.identity.user_id, policy)
    await refuse_delegation(call, policy)
    known, _ = attributes.read(call.body.application_credential, CreateApplicationCredential)
    values = attributes.given(known)
    values["expires_at"] = moment(values.get("expires_at"))
    mine = await facts(call)
    permit(mine.trust is None, policy)
    whole = await application_credentials.create(call.app, mine, values)
    return {"application_credential": {**view(call, whole), "secret": whole.secret}}


async def list_(call: IdentityCall) -> Plain:
    permit(may_read(call.identity, owner=call.path["user_id"]), "identity:list_application_credentials")
    asked = query(call)
    equals = {"name": asked["name"]} if asked.get("name") else {}
    found = await call.app.read(application_credentials.find, call.path["user_id"], equals)
    return listing(call, "application_credentials", [view(call, whole) for whole in found])


async def show(call: IdentityCall) -> Plain:
    permit(may_read(call.identity, owner=call.path["user_id"]), "identity:get_application_credential")
    path = call.path
    whole = await call.app.read(application_credentials.show, path["user_id"], path["application_credential_id"])
    return {"application_credential": view(call, whole)}


async def delete(call: IdentityCall) -> None:
    policy = "identity:delete_application_credential"
    permit(may_manage(call.identity, owner=call.path["user_id"]), policy)
    await refuse_delegation(call, policy)
    path = call.path
    await call.app.write(application_credentials.delete, path["user_id"], path["application_credential_id"])


def _linked(call: IdentityCall, rule: AccessRule) -> Plain:
    return {**rule_view(rule), "links": {"self": link(call, "users", rule.user_id, "access_rules", rule.id)}}


async def list_access_rules(call: IdentityCall) -> Plain:
    permit(may_read(call.identity, owner=call.path["user_id"]), "identity:list_access_rules")
    found = await call.app.read(application_credentials.access_rules, call.path["user_id"])
    return listing(call, "access_rules", [_linked(call, rule) for rule in found], ("service", "method", "path"))


async def show_access_rule(call: IdentityCall) -> Plain:
    permit(may_read(call.identity, owner=call.path["user_id"]), "identity:get_access_rule")
    path = call.path
    rule = await call.app.read(application_credentials.access_rule, path["user_id"], path["access_rule_id"])
    return {"access_rule": _linked(call, rule)}


async def delete_access_rule(call: IdentityCall) -> None:
    permit(may_manage(call.identity, owner=call.path["user_id"]), "identity:delete_access_rule")
    path = call.path
    await call.app.write(application_credentials.delete_access_rule, path["user_id"], path["access_rule_id"])
