"""What the agent gives a driver when it makes it."""

from __future__ import annotations

import msgspec


class DriverSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a driver keeps its state, and how it starts programs.

    ``launcher`` is put in front of a guest process's command line; it enters the network namespace where the taps
    are. ``run_as`` is the unprivileged (uid, gid) for guest processes where the agent runs as root, None otherwise.
    ``options`` are the driver's own settings, from its table in the agent's settings file.
    """

    state_dir: str
    host_name: str
    launcher: tuple[str, ...] = ()
    run_as: tuple[int, int] | None = None
    options: dict[str, str] = {}
