"""What runs for ever ends when it is told to, at whatever turn of the loop that is: no wait may lose a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from kilonova_compute.cells.cells import Cell
from kilonova_compute.cells.index import IndexCarrier
from kilonova_compute.reconcilers.loops import Loops, Reconciler
from kilonova_kit.database import Database
from kilonova_kit.errors import Unavailable

_MOST_TURNS = 12


class EmptyDatabase:
    """Has nothing to carry; answers when ``gate`` is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, transaction: Callable[[Any], Any]) -> Any:
        await self.gate.wait()
        return [], []


def _carrier(database: EmptyDatabase) -> IndexCarrier:
    held = cast(Database, database)
    carrier = IndexCarrier(Cell("cell1", held), held)
    carrier.start()
    return carrier


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("before", range(_MOST_TURNS))
async def test_a_carrier_that_is_woken_as_it_is_closed_ends(before: int) -> None:
    for after in range(_MOST_TURNS):
        carrier = _carrier(EmptyDatabase())
        await _turns(before)
        carrier.wake()
        await _turns(after)
        async with asyncio.timeout(20):
            await carrier.close()


async def test_whoever_waits_for_a_carrier_that_is_closed_is_told() -> None:
    database = EmptyDatabase()
    carrier = _carrier(database)
    database.gate.clear()
    flushes = [asyncio.create_task(carrier.flush()) for _ in range(2)]
    await _turns(_MOST_TURNS)
    flushes.append(asyncio.create_task(carrier.flush()))
    await _turns(1)
    await carrier.close()
    async with asyncio.timeout(20):
        told = await asyncio.gather(*flushes, return_exceptions=True)
    assert [type(one) for one in told] == [Unavailable] * 3
    with pytest.raises(Unavailable):
        await carrier.flush()


async def _nothing() -> None:
    """Everything is true."""


@pytest.mark.parametrize("before", range(_MOST_TURNS))
async def test_a_reconciler_that_is_woken_as_the_loops_are_closed_ends(before: int) -> None:
    for after in range(_MOST_TURNS):
        loops, reconciler = Loops(), Reconciler("truth", 3600.0, _nothing)
        loops.start(reconciler)
        await _turns(before)
        reconciler.wake()
        await _turns(after)
        async with asyncio.timeout(20):
            await loops.close()
