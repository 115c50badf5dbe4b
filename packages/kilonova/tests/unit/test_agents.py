"""Agents are started again when they die, whatever went wrong the last time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest
from kilonova.cloud import agents as agents_module
from kilonova.cloud.agents import AgentProcess, Agents
from kilonova.cloud.folder import CloudFolder


class Unlucky:
    """A process that cannot be started at first: there is no room for its log."""

    name = "host1"

    def __init__(self) -> None:
        self.asked = 0
        self.runs = asyncio.Event()

    def ensure(self) -> None:
        self.asked += 1
        if self.asked == 2:
            raise OSError("no space left on device")
        if self.asked > 2:
            self.runs.set()


async def test_an_agent_that_could_not_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(agents_module, "_RESTART_PAUSE_SECONDS", 0.0)
    process = Unlucky()
    agents = Agents(CloudFolder(tmp_path), [cast(AgentProcess, process)])
    agents.start()
    async with asyncio.timeout(20):
        await process.runs.wait()
    await agents.close()
    assert "host1 cannot be started now: no space left on device" in caplog.text
