"""What a guest wrote on its serial console, read from its host."""

from __future__ import annotations

from kilonova_kit.errors import Conflict, NotFound, Unavailable

from kilonova_compute.app.compute import Compute
from kilonova_compute.model.servers import Server

#: As much of the end of a console log as is ever given (nova: libvirt's MAX_CONSOLE_BYTES).
MOST_BYTES = 100 * 1024


async def output(compute: Compute, server: Server, lines: int | None) -> str:
    """The last lines, as text; None for all that there is. Raises NotFound, Conflict."""
    if server.host_id is None or server.launched_at is None:
        raise Conflict(f"Instance {server.id} is not ready")
    try:
        raw = await compute.links.console_log(server.cell, server.host_id, server.id, MOST_BYTES)
    except NotFound as error:
        raise Conflict(f"Instance {server.id} is not ready") from error
    except Unavailable as error:
        raise NotFound(f"Unable to get console of server {server.id}: its host does not answer.") from error
    text = raw.decode("utf-8", errors="replace")
    return text if lines is None else _last_lines(text, lines)


def _last_lines(text: str, lines: int) -> str:
    if lines == 0:
        return ""
    return "\n".join(text.split("\n")[-lines:])
