"""Requests, natively: read back what a server asked for, and see why a request finds a host or none.

The double slash: beside the versions of the public API, where nothing can collide with its URLs.
"""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.operations import Call, NoQuery, Operation
from kilonova_kit.http.policy import Policy, reader
from msgspec import UNSET

from kilonova_compute.api import policies
from kilonova_compute.api.create_servers import read_hints
from kilonova_compute.api.types.requests import ExplainAnswer, ExplainQuestion, RequestAnswer, RequestView
from kilonova_compute.api.types.values import check_uuid
from kilonova_compute.app import requests as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.requests import ServerRequest


async def show(call: Call[Compute, None, NoQuery]) -> RequestAnswer:
    return RequestAnswer(request=_view(call, await app.find(call.app, call.identity, call.path["server_id"])))


async def explain_of_server(call: Call[Compute, None, NoQuery]) -> ExplainAnswer:
    """As asking about ``server``, by a URL that can be followed."""
    request = await app.find(call.app, call.identity, call.path["server_id"])
    found = await app.explain(call.app, call.identity, request)
    return ExplainAnswer(request=_view(call, request), explanation=found)


async def explain(call: Call[Compute, ExplainQuestion, NoQuery]) -> ExplainAnswer:
    request = await _asked(call)
    found = await app.explain(call.app, call.identity, request, call.body.count)
    return ExplainAnswer(request=_view(call, request), explanation=found)


async def _asked(call: Call[Compute, ExplainQuestion, NoQuery]) -> ServerRequest:
    question = call.body
    ways = (question.flavor, question.server, question.request_id, question.request)
    if len([way for way in ways if way is not UNSET]) != 1:
        raise BadRequest("Say either 'flavor', 'server', 'request_id' or 'request'.")
    besides = (question.image, question.zone, question.host, question.hints)
    if question.flavor is UNSET and any(one is not UNSET for one in besides):
        raise BadRequest("Only with 'flavor' there are 'image', 'zone', 'host' and 'hints': a request has its own.")
    if question.server is not UNSET:
        return await app.find(call.app, call.identity, question.server)
    if question.request_id is not UNSET:
        return await app.find_by_id(call.app, call.identity, question.request_id)
    if question.request is not UNSET:
        return await app.given(call.app, call.identity, question.request)
    return await _wished(call, question)


async def _wished(call: Call[Compute, ExplainQuestion, NoQuery], question: ExplainQuestion) -> ServerRequest:
    if question.host is not UNSET:
        call.enforce(policies.REQUESTED_DESTINATION)
    try:
        return await app.wished(
            call.app,
            call.identity,
            flavor_ref=str(question.flavor),
            image_id=check_uuid("image", question.image) if question.image is not UNSET else None,
            zone=question.zone or "",
            host=question.host or "",
            hints=read_hints(question.hints),
        )
    except NotFound as error:
        raise BadRequest(error.message) from error


def _view(call: Call[Compute, Any, Any], request: ServerRequest) -> RequestView:
    admin, shown = call.identity.is_admin, app.shown_to(call.identity, request)
    return RequestView(
        server_id=shown.server_id,
        project_id=shown.project_id,
        user_id=shown.user_id,
        flavor=shown.flavor,
        resources=shown.resources,
        layout=shown.layout,
        machine=shown.machine,
        devices=shown.devices,
        bundles=shown.bundles,
        bundles_apart=shown.bundles_apart,
        required_traits=shown.required_traits,
        forbidden_traits=shown.forbidden_traits,
        preferred_traits=shown.preferred_traits,
        image_id=shown.image_id,
        image_traits=shown.image_traits,
        zone=shown.zone,
        host=shown.host if admin else UNSET,
        cell=shown.cell if admin else UNSET,
        not_hosts=shown.not_hosts if admin else UNSET,
        hosts=shown.hosts if admin else UNSET,
        network=shown.network if admin else UNSET,
        carries=shown.carries if admin else UNSET,
        labels=shown.labels,
        group=shown.group,
        priority=shown.priority,
        version=shown.version,
    )


OPERATIONS = (
    Operation(
        name="requests.show",
        method="GET",
        path="//native/v1/servers/{server_id}/request",
        handler=show,
        policy=Policy("kilonova:servers:request", reader),
        returns=RequestAnswer,
        summary="Read back what a server asked for.",
    ),
    Operation(
        name="requests.explain_of_server",
        method="GET",
        path="//native/v1/servers/{server_id}/explain",
        handler=explain_of_server,
        policy=Policy("kilonova:servers:explain", reader),
        returns=ExplainAnswer,
        summary="Explain what would become of a server's request now; nothing is claimed.",
    ),
    Operation(
        name="requests.explain",
        method="POST",
        path="//native/v1/explain",
        handler=explain,
        policy=Policy("kilonova:explain", reader),
        takes=ExplainQuestion,
        returns=ExplainAnswer,
        summary="Explain why a request finds a host now, or finds none; nothing is claimed.",
    ),
)
