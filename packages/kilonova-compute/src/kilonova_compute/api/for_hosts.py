"""What agents ask over HTTP: to join, and for images, each with a proof of its own; and tokens for hosts to come."""

from __future__ import annotations

import msgspec
from kilonova_kit.http.operations import Answer, Call, NoQuery, Operation
from kilonova_kit.http.policy import Policy, admin, anyone
from kilonova_messages.joining import JoinAnswer, JoinRequest

from kilonova_compute.app import host_images, host_joins
from kilonova_compute.app.compute import Compute


async def join(call: Call[Compute, JoinRequest, NoQuery]) -> JoinAnswer:
    return await host_joins.join(call.app, call.body)


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cell that a new host is to be part of."""

    cell: str


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A token that lets one host join once, for an hour."""

    token: str

    def __repr__(self) -> str:
        return "TokenAnswer()"


async def issue_token(call: Call[Compute, TokenRequest, NoQuery]) -> TokenAnswer:
    return TokenAnswer(token=await host_joins.new_token(call.app, call.body.cell))


async def fetch_image(call: Call[Compute, None, NoQuery]) -> Answer:
    image_id = call.path["image_id"]
    call.app.check_ticket(image_id, call.request.get_header("X-Kilonova-Ticket") or "")
    reply = await host_images.stream(call.app, image_id)
    length = reply.headers.get("content-length")
    headers = {"Content-Length": length} if length else {}
    return Answer(stream=reply.chunks, headers=headers, content_type="application/octet-stream")


#: The double slash: beside the versions of the public API.
OPERATIONS = (
    Operation(
        name="hosts.issue_token",
        method="POST",
        path="//host-tokens",
        handler=issue_token,
        policy=Policy("kilonova:hosts:token", admin),
        takes=TokenRequest,
        returns=TokenAnswer,
        summary="Give out a token that lets one host join a cell.",
    ),
    Operation(
        name="hosts.join",
        method="POST",
        path="//host-joins",
        handler=join,
        policy=Policy("kilonova:hosts:join", anyone),
        takes=JoinRequest,
        returns=JoinAnswer,
        public=True,
        body_limit=16 * 1024,
        summary="A host joins with a one-time token and gets credentials for its own subjects.",
    ),
    Operation(
        name="hosts.fetch_image",
        method="GET",
        path="//host-images/{image_id}",
        handler=fetch_image,
        policy=Policy("kilonova:hosts:fetch_image", anyone),
        public=True,
        summary="A host fetches an image with the ticket that came with a step.",
    ),
)
