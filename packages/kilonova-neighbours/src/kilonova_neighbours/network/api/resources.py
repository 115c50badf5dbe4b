"""Every resource's five operations, from its attribute table and the functions of ``app``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from kilonova_kit.http.identity import Identity
from kilonova_kit.http.operations import Call, Operation
from kilonova_kit.http.policy import Policy, member, reader

from kilonova_neighbours.network.api.attributes import AttributeTable
from kilonova_neighbours.network.api.lists import fields_of, links_of, pairs_of, read_list_query
from kilonova_neighbours.network.app.service import NetworkApp
from kilonova_neighbours.network.app.work import Work
from kilonova_neighbours.network.model.records import Actor, ListQuery, Record
from kilonova_neighbours.network.model.refusals import invalid

NetworkCall = Call[NetworkApp, Any, Any]

_IF_MATCH = re.compile(r"\s*revision_number=(\d{1,18})\s*")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """``finish`` completes a shown record for an actor. ``wires``: a change may concern a wired port."""

    table: AttributeTable
    create: Callable[[Work, Record], Record]
    show: Callable[[Work, str], Record]
    list_page: Callable[[Work, ListQuery], list[Record]]
    update: Callable[[Work, str, Record], Record]
    delete: Callable[[Work, str], None]
    create_many: Callable[[Work, Sequence[Record]], list[Record]] | None = None
    finish: Callable[[Record, Actor], Record] | None = None
    tagged: bool = True
    wires: bool = True
    uses_default_group: bool = False
    member_or_service: bool = False

    @property
    def path(self) -> str:
        return "/" + self.table.plural.replace("_", "-")


def _is_service(identity: Identity) -> bool:
    """By the token's own roles: a service that speaks *for* a member (X-Service-Token) may do what the member may."""
    return "service" in identity.roles


def actor_of(identity: Identity) -> Actor:
    return Actor(
        project_id=identity.project_id or "",
        is_admin=identity.is_admin,
        is_trusted=identity.is_admin or _is_service(identity),
    )


def member_or_service(identity: Identity) -> bool:
    """Members, and services such as compute that act on everybody's ports."""
    return member(identity) or _is_service(identity)


def revision_asked(call: NetworkCall) -> int | None:
    """``If-Match: revision_number=N``. Raises BadRequest for another form."""
    given = call.request.get_header("If-Match")
    if given is None:
        return None
    found = _IF_MATCH.fullmatch(given)
    if not found:
        raise invalid("HTTPBadRequest", "Invalid value for If-Match header: it must be revision_number=N")
    return int(found[1])


def operations_of(resource: Resource) -> tuple[Operation, ...]:
    """The five lines of the URL table, with Neutron's policy names."""
    one, many, path = resource.table.singular, resource.table.plural, resource.path
    writer = member_or_service if resource.member_or_service else member
    lines: tuple[tuple[str, str, str, Any, Any, int, bool], ...] = (
        (f"list_{many}", "GET", path, _lister(resource), Policy(f"get_{one}", reader), 200, False),
        (f"create_{one}", "POST", path, _creator(resource), Policy(f"create_{one}", writer), 201, True),
        (f"show_{one}", "GET", path + "/{id}", _shower(resource), Policy(f"get_{one}", reader), 200, False),
        (f"update_{one}", "PUT", path + "/{id}", _updater(resource), Policy(f"update_{one}", writer), 200, True),
        (f"delete_{one}", "DELETE", path + "/{id}", _deleter(resource), Policy(f"delete_{one}", writer), 204, False),
    )
    return tuple(
        Operation(
            name=name,
            method=method,
            path=where,
            handler=handler,
            policy=policy,
            status=status,
            takes=dict[str, Any] if has_body else None,
        )
        for name, method, where, handler, policy, status, has_body in lines
    )


def _shown(resource: Resource, record: Record, actor: Actor, fields: Sequence[str] = ()) -> Record:
    whole = resource.finish(record, actor) if resource.finish else record
    return resource.table.show(whole, actor, fields)


def _lister(resource: Resource) -> Callable[[NetworkCall], Any]:
    async def handle(call: NetworkCall) -> Record:
        actor, pairs = actor_of(call.identity), pairs_of(call.request)
        asked = read_list_query(pairs, call.app.settings.page_maximum)
        if resource.uses_default_group:
            await call.app.ensure_default_group(actor)
        found = await call.app.read(actor, lambda work: resource.list_page(work, asked))
        fields = fields_of(pairs)
        body: Record = {resource.table.plural: [_shown(resource, record, actor, fields) for record in found]}
        if links := links_of(found, asked, call.own_url, pairs):
            body[f"{resource.table.plural}_links"] = links
        return body

    return handle


def _creator(resource: Resource) -> Callable[[NetworkCall], Any]:
    def make(work: Work, bodies: Sequence[Record]) -> list[Record]:
        if resource.create_many:
            return resource.create_many(work, bodies)
        return [resource.create(work, dict(body)) for body in bodies]

    async def handle(call: NetworkCall) -> Record:
        actor = actor_of(call.identity)
        bodies, bulk = resource.table.read_create(call.body, actor)
        made = await call.app.write(
            actor, lambda work: make(work, bodies), wires=resource.table.plural if resource.wires else ""
        )
        shown = [_shown(resource, record, actor) for record in made]
        return {resource.table.plural: shown} if bulk else {resource.table.singular: shown[0]}

    return handle


def _shower(resource: Resource) -> Callable[[NetworkCall], Any]:
    async def handle(call: NetworkCall) -> Record:
        actor = actor_of(call.identity)
        record = await call.app.read(actor, lambda work: resource.show(work, call.path["id"]))
        return {resource.table.singular: _shown(resource, record, actor, fields_of(pairs_of(call.request)))}

    return handle


def _updater(resource: Resource) -> Callable[[NetworkCall], Any]:
    async def handle(call: NetworkCall) -> Record:
        actor = actor_of(call.identity)
        changes = resource.table.read_update(call.body)
        record = await call.app.write(
            actor,
            lambda work: resource.update(work, call.path["id"], dict(changes)),
            wires=resource.table.plural if resource.wires else "",
            if_revision=revision_asked(call),
        )
        return {resource.table.singular: _shown(resource, record, actor)}

    return handle


def _deleter(resource: Resource) -> Callable[[NetworkCall], Any]:
    async def handle(call: NetworkCall) -> None:
        await call.app.write(
            actor_of(call.identity),
            lambda work: resource.delete(work, call.path["id"]),
            wires=resource.table.plural if resource.wires else "",
            if_revision=revision_asked(call),
        )

    return cast(Callable[[NetworkCall], Any], handle)
