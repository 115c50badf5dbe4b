"""Cells that are away at the start, or appear later: the others do not wait for them, and nothing is restarted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from compute_fakes import FakeImages, FakeNetwork, FakePlacement, answer
from kilonova_compute import service
from kilonova_compute.agents.hearing import Hearing
from kilonova_compute.app.compute import Admission
from kilonova_compute.cells import cells as cells_module
from kilonova_compute.model.hosts import Host
from kilonova_compute.reconcilers.host_reports import HostReports
from kilonova_compute.reconcilers.lost_hosts import LostHosts
from kilonova_compute.service import ComputeApp, ComputeSettings
from kilonova_compute.store import cells as store
from kilonova_compute.store import hosts as host_store
from kilonova_kit.bus import Bus
from kilonova_kit.errors import Unavailable
from kilonova_kit.http.client import Reply, ServiceClient
from kilonova_messages.reports import Heartbeat


class MovedClock:
    """Time that a test moves."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class SilentBus:
    """Nobody says anything on it."""

    def __init__(self) -> None:
        self.is_connected = True
        self.subjects: list[str] = []

    async def subscribe(self, subject: str, handler: Any, *, queue: str = "") -> None:
        self.subjects.append(subject)


class PlacementOfTwoHosts(FakePlacement):
    """Knows a host in each of two cells from earlier; keeps what it is told of them."""

    def __init__(self) -> None:
        super().__init__({"alpha": "cell1", "beta": "cell2"})
        self.down: dict[str, str] = {}

    def answer(self, method: str, path: list[str], query: dict[str, list[str]], body: Any) -> Reply:
        if path[2:3] != ["providers"]:
            return super().answer(method, path, query, body)
        if method == "PATCH":
            if path[3].removeprefix("id-") not in self.hosts:
                return answer(404, {"errors": [{"detail": "no such provider", "code": "x"}]})
            self.down[path[3]] = body["down"]
            return answer(200, _provider(path[3], "x"))
        return answer(200, {"providers": [_use(name, cell) for name, cell in self.hosts.items()]})


def _provider(identifier: str, cell: str) -> dict[str, Any]:
    return {"provider_id": identifier, "name": identifier, "generation": 1, "root_id": identifier, "cell": cell}


def _use(name: str, cell: str) -> dict[str, Any]:
    return {"provider": _provider(f"id-{name}", cell), "used": {}}


async def _until(truth: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not truth():  # noqa: ASYNC110 - what is waited for is the work of reconcilers
            await asyncio.sleep(0.01)


class Plane:
    """A control plane on files in a folder; ``cell2`` is in a folder of its own, which may be missing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bus, self.placement = folder, SilentBus(), PlacementOfTwoHosts()
        self.app = ComputeApp(
            ComputeSettings(
                global_url=f"sqlite:///{folder}/global.db",
                cells={
                    "cell0": f"sqlite:///{folder}/cell0.db",
                    "cell1": f"sqlite:///{folder}/cell1.db",
                    "cell2": f"sqlite:///{folder}/far/cell2.db",
                },
                controller_id="one",
                ticket_secret=b"secret",
            ),
            bus=cast(Bus, self.bus),
            admission=Admission(bus_url="", sign_host=lambda name, key, publish, subscribe: ""),
            image=ServiceClient(FakeImages()),
            network=ServiceClient(FakeNetwork()),
            placement=ServiceClient(self.placement),
        )

    def dark(self) -> set[str]:
        return set(self.app.compute.unreachable_cells())


@pytest.fixture
async def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Plane]:
    monkeypatch.setattr(service, "_CELLS_SECONDS", 0.05)
    monkeypatch.setattr(cells_module, "_PATIENCE_SECONDS", 0.01)
    made = Plane(tmp_path)
    await made.app.start()
    yield made
    await made.app.close()


async def test_a_cell_that_is_away_at_the_start_is_marked_down_and_opens_when_it_is_back(plane: Plane) -> None:
    assert plane.dark() == {"cell2"}
    assert any("cell2" in words for words in await plane.app.ready())
    await plane.app.compute.cells.get("cell1").database.read(lambda tx: None)
    with pytest.raises(Unavailable):
        await plane.app.compute.cells.get("cell2").database.read(lambda tx: None)
    (plane.folder / "far").mkdir()
    await _until(lambda: not plane.dark())
    assert await plane.app.ready() == []


async def test_hosts_of_a_cell_that_is_away_at_the_start_take_no_new_claims(plane: Plane) -> None:
    await _until(lambda: plane.placement.down)
    assert plane.placement.down == {"id-beta": "its cell does not answer"}


async def test_a_host_that_was_silent_while_nobody_listened_has_its_time_to_be_heard(plane: Plane) -> None:
    compute, clock = plane.app.compute, MovedClock()
    old = Host(id="id-alpha", name="alpha", cell="cell1", heard_at=clock() - 3600.0, inventory={"pools": []})
    await compute.cells.get("cell1").database.write(lambda tx: host_store.save(tx, old))
    hearing = Hearing(cast(Bus, plane.bus), clock)
    lost_hosts = LostHosts(compute, hearing)
    await lost_hosts()
    assert "id-alpha" not in plane.placement.down
    clock.now += 60.0
    plane.bus.is_connected = False
    await lost_hosts()
    plane.bus.is_connected = True
    clock.now += 40.0
    await lost_hosts()
    assert "id-alpha" not in plane.placement.down
    clock.now += 10.0
    await lost_hosts()
    assert plane.placement.down["id-alpha"] == "it has not been heard for a while"


async def test_a_host_that_placement_does_not_know_keeps_no_other_from_being_told(plane: Plane) -> None:
    compute, clock = plane.app.compute, MovedClock()
    for name in ("aardvark", "alpha"):  # the first was deleted at the Placement API
        old = Host(id=f"id-{name}", name=name, cell="cell1", heard_at=clock() - 3600.0, inventory={"pools": []})
        await compute.cells.get("cell1").database.write(lambda tx, old=old: host_store.save(tx, old))
    lost_hosts = LostHosts(compute, Hearing(cast(Bus, plane.bus), clock))
    clock.now += 60.0
    await lost_hosts()
    assert plane.placement.down["id-alpha"] == "it has not been heard for a while"
    plane.placement.hosts["aardvark"] = "cell1"  # it has come back to placement, and is as silent as before
    await lost_hosts()
    assert plane.placement.down["id-aardvark"] == "it has not been heard for a while"


async def test_a_host_that_is_heard_while_its_cell_is_away_is_not_taken_for_silent(plane: Plane) -> None:
    compute = plane.app.compute
    compute.hosts["id-beta"] = Host(id="id-beta", name="beta", cell="cell2", heard_at=1.0)
    beat = Heartbeat(boot_id="b", agent_version="1", clock=compute.clock(), started_at=0.0)
    with pytest.raises(Unavailable):
        await HostReports(compute).heart_beats("cell2", "id-beta", beat)
    assert compute.hosts["id-beta"].is_up(compute.clock())


async def test_ports_are_looked_at_as_soon_as_somebody_says_so(plane: Plane) -> None:
    wirings = plane.app._wirings
    assert wirings is not None
    await _until(lambda: not wirings.woken.is_set())
    plane.app.compute.wire_ports()
    assert wirings.woken.is_set()


async def test_a_cell_that_appears_by_a_row_is_taken_in_without_a_restart(plane: Plane) -> None:
    url = f"sqlite:///{plane.folder}/cell3.db"
    await plane.app.compute.cells.database.write(lambda tx: store.enter(tx, {"cell3": url}))
    await _until(lambda: any(".cell3." in subject for subject in plane.bus.subjects))
    async with asyncio.timeout(60):
        await plane.app.compute.announced(plane.app.compute.cells.get("cell3"))
