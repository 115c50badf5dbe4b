"""What neighbours answer: the body, or their refusal as an error of our own family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilonova_kit.errors import BadRequest, Conflict, Forbidden, NotFound, QuotaExceeded, Unavailable
from kilonova_kit.http.client import Reply, ServiceClient

_ERRORS = {400: BadRequest, 403: Forbidden, 404: NotFound, 409: Conflict}


def checked(reply: Reply, service: str, what: str) -> Any:
    """The body, None for an empty one. Raises what the neighbour said; QuotaExceeded for Neutron's OverQuota."""
    if reply.ok:
        return reply.json() if reply.body else None
    message = reply.message()
    if reply.status == 409 and '"OverQuota"' in reply.body.decode(errors="replace"):
        raise QuotaExceeded(message)
    if reply.status in _ERRORS:
        raise _ERRORS[reply.status](message)
    raise Unavailable(f"the {service} service could not {what}: {message}")


class UserCalls:
    """What users ask a neighbour through the compute API's oldest operations: with their own tokens, and unchanged."""

    def __init__(self, client: ServiceClient, service: str) -> None:
        self._client, self._service = client, service

    async def ask(
        self,
        token: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer's body. Raises the neighbour's refusal."""
        reply = await self._client.request(method, path, query=query, json=json, headers=headers, token=token)
        return checked(reply, self._service, f"answer {method} {path}")
