"""A cell whose database neither answers nor fails: nobody waits for it longer than needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from kilonova_compute.cells import cells as cells_module
from kilonova_compute.cells import index as index_module
from kilonova_compute.cells.cells import Cell, Cells
from kilonova_compute.cells.index import IndexCarrier
from kilonova_kit.database import Database


class Silent(Database):
    """Opens, and answers, only when it is told to."""

    def __init__(self, url: str, *, name: str = "") -> None:
        super().__init__(url, name=name)
        self.answers = asyncio.Event()

    async def start(self, metadata: Any, *, patience_seconds: float | None = None) -> None:
        if self.name == "far":
            await self.answers.wait()
        await super().start(metadata, patience_seconds=patience_seconds)

    async def read(self, transaction: Callable[[Any], Any]) -> Any:
        if self.name == "far":
            await self.answers.wait()
        return await super().read(transaction)


async def test_a_cell_that_does_not_answer_is_known_to_be_away_before_its_database_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "ANSWER_SECONDS", 0.01)
    far = Silent(f"sqlite:///{tmp_path}/far.db", name="far")
    carrier = IndexCarrier(Cell("far", far), cast(Database, None))
    carrier.start()
    async with asyncio.timeout(60):
        while carrier.reachable:  # noqa: ASYNC110 - what is waited for is the work of the carrier
            await asyncio.sleep(0.01)
    await carrier.close()


async def test_the_others_start_without_a_cell_that_does_not_open_and_it_is_taken_in_when_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells_module, "Database", Silent)
    monkeypatch.setattr(cells_module, "_WAIT_SECONDS", 0.01)
    cells = Cells(f"sqlite:///{tmp_path}/global.db")
    async with asyncio.timeout(60):
        await cells.start({name: f"sqlite:///{tmp_path}/{name}.db" for name in ("near", "far")})
        while not cells.get("near").database.is_open:
            await cells.refresh()
        assert not cells.get("far").database.is_open
        assert await cells.refresh() == []
        cast(Silent, cells.get("far").database).answers.set()
        while not (opened := await cells.refresh()):
            pass
    assert [cell.name for cell in opened] == ["far"]
    assert await cells.refresh() == []
    await cells.close()
