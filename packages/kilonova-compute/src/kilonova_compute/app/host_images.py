"""Images for hosts: a host holds no token, but a ticket that opens one image for a short time."""

from __future__ import annotations

import hashlib
import hmac

from kilonova_kit.clock import Clock
from kilonova_kit.errors import Forbidden, NotFound, Unavailable
from kilonova_kit.http.client import StreamedReply

from kilonova_compute.app.compute import Compute

TICKET_SECONDS = 3600.0


class ImageTickets:
    """Signs and checks tickets: ``<host id>.<expiry>.<HMAC-SHA256>``."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret, self._clock = secret, clock

    def sign(self, image_id: str, host_id: str) -> str:
        expiry = str(int(self._clock() + TICKET_SECONDS))
        return f"{host_id}.{expiry}.{self._seal(image_id, host_id, expiry)}"

    def check(self, image_id: str, ticket: str) -> None:
        """Raise Forbidden unless the ticket opens this image now."""
        host_id, _, rest = ticket.partition(".")
        expiry, _, seal = rest.partition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(image_id, host_id, expiry).encode()):
            raise Forbidden("this ticket does not open this image")
        if self._clock() > int(expiry):
            raise Forbidden("this ticket is too old")

    def _seal(self, image_id: str, host_id: str, expiry: str) -> str:
        return hmac.new(self._secret, f"{image_id}|{host_id}|{expiry}".encode(), hashlib.sha256).hexdigest()


async def stream(compute: Compute, image_id: str) -> StreamedReply:
    """The image's bytes as the image service sends them. Raises NotFound, Unavailable."""
    reply = await compute.image.stream(image_id)
    if reply.status == 404:
        raise NotFound(f"Image {image_id} could not be found.")
    if reply.status != 200:
        raise Unavailable(f"the image service answered {reply.status}")
    return reply
