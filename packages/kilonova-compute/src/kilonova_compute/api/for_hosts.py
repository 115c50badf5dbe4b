"""What agents ask over HTTP: to join, and for images. Both carry their own proof instead of a token."""

from __future__ import annotations

from kilonova_kit.http.operations import Answer, Call, NoQuery, Operation
from kilonova_kit.http.policy import Policy, anyone
from kilonova_messages.joining import JoinAnswer, JoinRequest

from kilonova_compute.app import host_images, host_joins
from kilonova_compute.app.compute import Compute


async def join(call: Call[Compute, JoinRequest, NoQuery]) -> JoinAnswer:
    return await host_joins.join(call.app, call.body)


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
