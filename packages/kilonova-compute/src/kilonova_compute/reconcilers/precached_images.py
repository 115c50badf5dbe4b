"""The hosts of an aggregate have the images that were asked for, or it is written down why not.

A host is only asked to have an image, and asked again how it stands: a question that may be repeated by anyone, any
number of times. So a controller or an agent may die at any moment, and several controllers may look at once.
"""

from __future__ import annotations

import asyncio
import logging

from kilonova_kit.errors import Unavailable
from kilonova_messages.asks import ImageState

from kilonova_compute.actions.image_sources import image_source
from kilonova_compute.app.aggregates import refresh
from kilonova_compute.app.compute import Compute
from kilonova_compute.model import precaches as model
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.precaches import HostProgress, Precache, Stage
from kilonova_compute.store import precaches as store

log = logging.getLogger(__name__)

_MOST = 500
Changed = tuple[Precache, HostProgress, HostProgress]


async def precache_images(compute: Compute) -> None:
    now = compute.clock()
    forgotten = now - model.KEEP_SECONDS
    due = await compute.cells.database.read(lambda tx: store.due(tx, now, forgotten, _MOST))
    if due.over:
        await compute.cells.database.write(lambda tx: store.forget(tx, forgotten))
    if not due.hosts:
        return
    await refresh(compute)  # another controller may have added hosts just before it was asked
    changed, asked = _ruled(compute, due, now)
    answers = await asyncio.gather(*(_ask(compute, *one) for one in asked))
    changed += [(one[0], one[1], answer) for one, answer in zip(asked, answers, strict=True)]
    await compute.cells.database.write(lambda tx: store.save(tx, changed))
    for each in changed:
        _tell(*each)


def _ruled(
    compute: Compute, due: store.Due, now: float
) -> tuple[list[Changed], list[tuple[Precache, HostProgress, Host]]]:
    """What becomes of those who need not be asked, and whom to ask: so many as may fetch at once."""
    by_name = {host.name: host for host in compute.hosts.values()}
    members = {aggregate.number: frozenset(aggregate.hosts) for aggregate in compute.aggregates.all}
    room = model.FETCHING_AT_ONCE - due.fetching
    changed: list[Changed] = []
    asked: list[tuple[Precache, HostProgress, Host]] = []
    for precache, found in due.hosts:
        host, belongs = by_name.get(found.host), found.host in members.get(precache.aggregate, ())
        is_up = host is not None and host.is_up(now)
        ruled = model.before_asking(found, precache, now, belongs=belongs, is_up=is_up)
        if ruled is not None:
            changed.append((precache, found, ruled))
        elif host is not None and (found.stage is Stage.FETCHING or room > 0):
            room -= found.stage is not Stage.FETCHING
            asked.append((precache, found, host))
    return changed, asked


async def _ask(compute: Compute, precache: Precache, found: HostProgress, host: Host) -> HostProgress:
    source = image_source(precache.image, host.id, compute.image_ticket)
    try:
        answer = await compute.links.cache_image(host.cell, host.id, source)
    except Unavailable:
        return model.silent(found, compute.clock())
    if not isinstance(answer, ImageState):
        return model.failed_once(found, compute.clock(), answer.message)
    return model.cached(found) if answer.cached else model.fetching(found, compute.clock(), answer.waits)


def _tell(precache: Precache, before: HostProgress, after: HostProgress) -> None:
    if after.stage is Stage.CACHED:
        log.info("host %s has image %s at hand", after.host, precache.image.image_id)
    elif after.stage is Stage.FAILED:
        log.warning(
            "host %s does not get image %s ahead of servers: %s", after.host, precache.image.image_id, after.reason
        )
    elif after.tries > before.tries:
        log.info("host %s could not get image %s: %s", after.host, precache.image.image_id, after.reason)
