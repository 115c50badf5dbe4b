"""What becomes of a host that is to have an image, by a table."""

from __future__ import annotations

from typing import Any

import pytest
from kilonova_compute.model import precaches as model
from kilonova_compute.model.hosts import MOST_IMAGES, believable_images
from kilonova_compute.model.precaches import MOST_TRIES, HostProgress, Precache, Stage
from kilonova_compute.model.servers import ImageSnapshot

_PRECACHE = Precache(aggregate=1, image=ImageSnapshot(image_id="i"), asked_at=0.0, until=1000.0)


@pytest.mark.parametrize(
    ("now", "said", "stage", "words"),
    [
        (5.0, {}, None, ""),
        (5.0, {"is_up": False}, Stage.WAITING, "down"),
        (5.0, {"belongs": False}, Stage.FAILED, "left the aggregate"),
        (999.0, {}, None, ""),
        (1000.0, {}, Stage.FAILED, "not done in time: the disk is slow"),
        (1000.0, {"is_up": False}, Stage.FAILED, "not done in time"),
    ],
)
def test_a_host_is_asked_while_it_is_up_and_there_is_time(
    now: float, said: dict[str, Any], stage: Stage | None, words: str
) -> None:
    found = HostProgress(host="h1", due_at=0.0, stage=Stage.FETCHING, reason="the disk is slow")
    ruled = model.before_asking(found, _PRECACHE, now, **{"belongs": True, "is_up": True, **said})
    assert (ruled.stage if ruled else None) == stage
    assert ruled is None or words in ruled.reason
    assert ruled is None or ruled.stage is Stage.FAILED or ruled.due_at > now


def test_failures_are_counted_and_come_ever_later_until_the_last() -> None:
    found, now, pauses = HostProgress(host="h1", due_at=0.0), 0.0, []
    while found.stage is Stage.WAITING:
        found = model.failed_once(found, now, "no such bytes")
        pauses.append(found.due_at - now)
        now = found.due_at
    assert (found.stage, found.tries, found.reason) == (Stage.FAILED, MOST_TRIES, "no such bytes")
    assert pauses[:-1] == [15.0, 30.0, 60.0, 120.0]


def test_silence_costs_no_try() -> None:
    found = HostProgress(host="h1", due_at=0.0, stage=Stage.FETCHING, tries=4)
    after = model.silent(found, 7.0)
    assert (after.stage, after.tries, after.due_at > 7.0) == (Stage.WAITING, 4, True)


def test_only_what_can_be_images_and_so_many_are_believed() -> None:
    assert believable_images(["b", "a", "b", "", "../x", "x y", "ü", "a" * 65]) == ("a", "b")
    assert len(believable_images([f"image-{number}" for number in range(10_000)])) == MOST_IMAGES
