"""One run of a cloud on this machine: the controller here, the agents beside it, until somebody says stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

from kilonova_agent.settings import AgentSettings

from kilonova.cloud.agents import AgentProcess, Agents, cell_of_host, drain_agents, host_names
from kilonova.cloud.controller import Controller, ControllerSettings
from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder, CloudState, write_private
from kilonova.cloud.processes import note_process

log = logging.getLogger(__name__)

#: How long hosts may take to join and report.
_HOSTS_SECONDS = 60.0


async def run_cloud(settings: ControllerSettings, *, announce: bool = True) -> None:
    """Start all, say ``ready``, and go on until SIGTERM or SIGINT; then shut guests down and end all of it."""
    folder, state = settings.folder, settings.state
    stop = _stop_event()
    note_process(folder.run / "controller.json", os.getpid())
    ready = folder.run / "ready"
    ready.unlink(missing_ok=True)
    controller = Controller(settings)
    agents = Agents(folder, [])
    try:
        await controller.start()
        folder.write_clouds_yaml(state)
        agents = Agents(folder, await _processes(controller, folder, state))
        agents.start()
        await _hosts_in(controller, state, stop)
        write_private(ready, str(os.getpid()).encode())
        if announce:
            print(f"ready {state.public_url or state.url}", flush=True)
        await stop.wait()
        await agents.close()
        left = await asyncio.to_thread(drain_agents, folder.run)
        if left:
            log.error("these agents did not end in time: %s", ", ".join(left))
    finally:
        ready.unlink(missing_ok=True)
        await agents.close()
        await controller.close()


def _stop_event() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _processes(controller: Controller, folder: CloudFolder, state: CloudState) -> list[AgentProcess]:
    """Real hosts get a process each, simulated ones share one; each new host gets a token to join with."""
    agents = []
    for number, name in enumerate(host_names(state) if state.hosts else []):
        home = folder.host(name)
        home.mkdir(mode=0o711, exist_ok=True)
        token = "" if (home / "host.json").exists() else await controller.join_token(cell_of_host(state, number))
        agents.append(_agent_settings(state, name, home, token))
    if state.driver == "fake":
        return [AgentProcess(folder, "simulated", agents)] if agents else []
    return [AgentProcess(folder, agent.hostname, [agent]) for agent in agents]


def _agent_settings(state: CloudState, name: str, home: Path, token: str) -> AgentSettings:
    return AgentSettings(
        data_dir=str(home),
        controller_url=state.url,
        ca_file=state.certificate,
        driver=state.driver,
        hostname=name,
        join_token=token,
    )


async def _hosts_in(controller: Controller, state: CloudState, stop: asyncio.Event) -> None:
    """Wait until every host of this machine has reported what it has. Raises CloudError."""
    wanted = set(host_names(state)) if state.hosts else set()
    loop = asyncio.get_running_loop()
    give_up = loop.time() + _HOSTS_SECONDS
    while not stop.is_set():
        assert controller.compute is not None
        present = {host.name for host in controller.compute.compute.hosts.values() if host.inventory}
        if wanted <= present:
            return
        if loop.time() > give_up:
            missing = ", ".join(sorted(wanted - present))
            raise CloudError(f"these hosts did not come in: {missing}; see the logs in {state and 'logs/'}")
        await asyncio.sleep(0.02)
