"""The agent's settings: one file per host (``agent.toml`` in its data directory), the environment, flags."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path
from typing import Annotated

import msgspec
from kilonova_kit.logs import LogFormat

from kilonova_agent.errors import AgentError


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one agent is told. Times are seconds."""

    data_dir: Annotated[Path, msgspec.Meta(description="Where the agent keeps everything; one agent each.")]
    controller_url: Annotated[str, msgspec.Meta(description="The cloud's URL; images are fetched below it.")] = ""
    hostname: Annotated[str, msgspec.Meta(description="The host's name; empty: this machine's.")] = ""
    address: Annotated[str, msgspec.Meta(description="The host's address; empty: as seen towards the cloud.")] = ""
    driver: Annotated[str, msgspec.Meta(description="Which driver runs the guests.")] = "qemu"
    driver_options: Annotated[dict[str, str], msgspec.Meta(description="The driver's own settings.")] = {}
    run_as: Annotated[str, msgspec.Meta(description="Guests' user under root; empty: kilonova, else nobody.")] = ""
    ca_file: Annotated[Path | None, msgspec.Meta(description="Certificates to trust instead of the system's.")] = None
    image_cache_dir: Annotated[Path | None, msgspec.Meta(description="An image cache that agents may share.")] = None
    heartbeat_seconds: Annotated[
        float, msgspec.Meta(gt=0, description="Between heartbeats; six to each report of all guests.")
    ] = 10.0
    builds_at_once: Annotated[int, msgspec.Meta(ge=1, description="Guests that are built at the same time.")] = 8
    drain_seconds: Annotated[float, msgspec.Meta(gt=0, description="For guests to stop when the host goes down.")] = (
        60.0
    )
    status_listen: Annotated[
        str, msgspec.Meta(description="HOST:PORT for /healthz, /readyz, /metrics; empty: none.")
    ] = ""
    log_format: Annotated[LogFormat, msgspec.Meta(description="Lines of text, or JSON.")] = "text"
    log_level: Annotated[str, msgspec.Meta(description="The least level that is logged.")] = "INFO"

    @property
    def images(self) -> Path:
        return self.image_cache_dir or self.data_dir / "images"

    @property
    def host_name(self) -> str:
        return self.hostname or socket.gethostname()


def guests_user(settings: AgentSettings) -> tuple[int, int] | None:
    """The (uid, gid) that guest processes run as; None where this process is not root. AgentError: no such user."""
    if os.geteuid() != 0:
        return None
    for name in (settings.run_as,) if settings.run_as else ("kilonova", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise AgentError(f"there is no user {settings.run_as or 'nobody'!r} for guests to run as: make it, or set run_as")
