"""One run of a cloud on this machine: the controller here, the agents beside it, until somebody says stop."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from kilonova_agent.joining import join, read_joined
from kilonova_agent.settings import AgentSettings
from kilonova_kit.private_files import write_private
from kilonova_kit.processes import write_mark

from kilonova.cloud.agents import AgentProcess, Agents, cell_of_host, drain_agents, host_names
from kilonova.cloud.controller import Controller, ControllerSettings
from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder, CloudState
from kilonova.cloud.process import settle_memory, stop_event

log = logging.getLogger(__name__)

#: How long hosts may take to join and report.
_HOSTS_SECONDS = 60.0


async def run_cloud(settings: ControllerSettings, *, announce: bool = True) -> None:
    """Start all, say ``ready``, and go on until SIGTERM or SIGINT; then shut guests down and end all of it."""
    folder, state = settings.folder, settings.state
    stop = stop_event()
    write_mark(folder.run / "controller.json", os.getpid())
    ready = folder.run / "ready"
    ready.unlink(missing_ok=True)
    controller = Controller(settings)
    agents = Agents(folder, [])
    try:
        await controller.start()
        folder.write_clouds_yaml(state)
        agents = Agents(folder, await _processes(controller, folder, state))
        agents.start()
        await _hosts_in(controller, folder, state, stop, agents)
        settle_memory()
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


async def _processes(controller: Controller, folder: CloudFolder, state: CloudState) -> list[AgentProcess]:
    """Real hosts get a process each, simulated ones share one; each new host joins with a token of its own."""
    agents = []
    for number, name in enumerate(host_names(state) if state.hosts else []):
        settings = _agent_settings(folder, state, name)
        if read_joined(settings.data_dir) is None:
            settings.data_dir.mkdir(mode=0o700, exist_ok=True)
            token = await controller.join_token(cell_of_host(state, number))
            await join(state.url, token, name, settings.data_dir, ca_file=settings.ca_file)
        agents.append(settings)
    if state.driver == "fake":
        return [AgentProcess(folder, "simulated", agents)] if agents else []
    return [AgentProcess(folder, agent.hostname, [agent]) for agent in agents]


def _agent_settings(folder: CloudFolder, state: CloudState, name: str) -> AgentSettings:
    return AgentSettings(
        data_dir=folder.host(name),
        controller_url=state.url,
        ca_file=Path(state.certificate) if state.certificate else None,
        driver=state.driver,
        hostname=name,
    )


async def _hosts_in(
    controller: Controller, folder: CloudFolder, state: CloudState, stop: asyncio.Event, agents: Agents
) -> None:
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
            said = f"the last that was heard: {agents.last_words()}; their logs are in {folder.logs}"
            raise CloudError(f"these hosts did not come in: {missing}; {said}")
        await asyncio.sleep(0.02)
