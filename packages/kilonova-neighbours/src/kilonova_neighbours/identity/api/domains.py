"""Domains on the wire."""

from __future__ import annotations

from kilonova_neighbours.identity.api import attributes
from kilonova_neighbours.identity.api.answers import Plain, listing, query, with_link
from kilonova_neighbours.identity.api.permits import IdentityCall, domain_of_reader, may_read, permit, target
from kilonova_neighbours.identity.api.types.projects import CreateDomain, UpdateDomain
from kilonova_neighbours.identity.app import finding, projects
from kilonova_neighbours.identity.model.projects import Project


def view(call: IdentityCall, domain: Project) -> Plain:
    plain = {
        **domain.extra,
        "id": domain.id,
        "name": domain.name,
        "enabled": domain.enabled,
        "description": domain.description,
        "tags": domain.tags,
        "options": domain.options,
    }
    return with_link(call, plain, "domains")


async def create(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.domain, CreateDomain)
    values = {**attributes.given(known), "is_domain": True}
    return {"domain": view(call, await call.app.write(projects.create, values, extra))}


async def list_(call: IdentityCall) -> Plain:
    asked = query(call)
    equals = {name: asked[name] for name in ("name",) if asked.get(name)}
    if domain_id := domain_of_reader(call.identity):
        equals["id"] = domain_id
    found = await call.app.read(projects.find, {"is_domain": True, **equals})
    return listing(call, "domains", [view(call, domain) for domain in found], ("name", "enabled", "description"))


async def show(call: IdentityCall) -> Plain:
    """A project's token may see the project's own domain, as in Keystone."""
    domain_id = call.path["domain_id"]
    domain = await target(call, "identity:get_domain", call.app.read(finding.domain, domain_id))
    own = call.identity.project_domain_id == domain_id
    permit(own or may_read(call.identity, domain=domain_id), "identity:get_domain")
    return {"domain": view(call, domain)}


async def update(call: IdentityCall) -> Plain:
    await call.app.read(finding.domain, call.path["domain_id"])
    known, extra = attributes.read(call.body.domain, UpdateDomain)
    domain = await call.app.write(projects.change, call.path["domain_id"], attributes.given(known), extra)
    return {"domain": view(call, domain)}


async def delete(call: IdentityCall) -> None:
    await call.app.read(finding.domain, call.path["domain_id"])
    await call.app.write(projects.delete, call.path["domain_id"])


async def of_token(call: IdentityCall) -> Plain:
    """GET /v3/auth/domains."""
    found = await call.app.read(projects.domains_of_user, call.identity.user_id)
    return listing(call, "domains", [view(call, domain) for domain in found if domain.enabled])
