"""What a project may have: the settings, what an operator set for all, for the project, for a user in it.

Use is never counted by a counter: it is a sum over the server index and the stores, so it cannot be wrong for long.
"""

from __future__ import annotations

import msgspec
from kilonova_kit.database import Connection

from kilonova_compute.app.compute import Compute, Limits
from kilonova_compute.store import quotas as store

#: The one class of quotas that there is: what holds for all projects without their own.
DEFAULT_CLASS = "default"


async def limits_of(compute: Compute, project_id: str) -> Limits:
    """What holds for a project."""
    return await compute.cells.database.read(lambda tx: read_limits(tx, compute.limits, project_id))


def read_limits(tx: Connection, settings: Limits, project_id: str) -> Limits:
    own = {**store.of(tx, store.CLASS, DEFAULT_CLASS), **store.of(tx, store.PROJECT, project_id)}
    known = {name: amount for name, amount in own.items() if name in Limits.__struct_fields__}
    return msgspec.structs.replace(settings, **known) if known else settings
