"""A controller ends whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from kilonova.cloud.controller import Controller, ControllerSettings
from kilonova.cloud.folder import CloudFolder, CloudState
from kilonova.cloud.settings import OperatorSettings


async def test_what_does_not_end_well_keeps_nothing_else_from_ending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []

    async def end_bus() -> None:
        ended.append("bus")

    async def fail() -> None:
        raise OSError("its database is away")

    controller = Controller(ControllerSettings(folder=CloudFolder(tmp_path), state=CloudState()))
    controller._closers += [end_bus, fail]
    await controller.close()
    assert ended == ["bus"]
    assert "its database is away" in caplog.text


async def test_the_way_to_a_neighbour_elsewhere_is_closed_with_the_controller(tmp_path: Path) -> None:
    operator = OperatorSettings(neighbours={"network": "http://127.0.0.1:9"})
    controller = Controller(ControllerSettings(folder=CloudFolder(tmp_path), state=CloudState(), operator=operator))
    assert controller._elsewhere("network")
    assert controller._transports["network"].close in controller._closers
    await controller.close()
