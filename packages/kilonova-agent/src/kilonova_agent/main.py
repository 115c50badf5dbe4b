"""The agent's process: ``python -m kilonova_agent``. One process may play many (simulated) hosts.

    join --data DIR --controller-url URL --token-file FILE [--hostname NAME]     become a host of a cloud, once
    run --data DIR [--data DIR ...] [settings]                               be the agent of those directories
    drain --data DIR [--data DIR ...]                                        take guests and network down

Settings are read from ``DIR/agent.toml``, then the environment (``KILONOVA_*``), then flags.
SIGTERM and SIGINT end the agents and leave the guests running; SIGUSR1 takes the guests down first.
``run`` prints ``ready`` when every agent is in.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kilonova_driver.errors import DriverError
from kilonova_kit.logs import configure_logging
from kilonova_kit.settings import NOT_SETTINGS, SettingsError, load_settings

from kilonova_agent.agent import Agent, working_agent
from kilonova_agent.errors import AgentError
from kilonova_agent.joining import join
from kilonova_agent.network.errors import NetworkError
from kilonova_agent.settings import AgentSettings
from kilonova_agent.status_door import StatusDoor

log = logging.getLogger(__name__)

_FLAGS = tuple(name for name in AgentSettings.__struct_fields__ if name not in ("data_dir", "driver_options"))
_STARTS_AT_ONCE = 16


async def run_agents(
    all_settings: Sequence[AgentSettings],
    *,
    stop: asyncio.Event | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run agents until ``stop`` is set; without one, until a signal comes. ``ready`` is called when all are in.

    AgentError, DriverError or NetworkError of the first that cannot start; then all are closed again.
    """
    agents = [Agent(settings) for settings in all_settings]
    door = StatusDoor(all_settings[0].status_listen, lambda: [words for agent in agents for words in agent.missing()])
    stopping, draining = stop or asyncio.Event(), asyncio.Event()
    if stop is None:
        _listen_to_signals(stopping, draining)
    await door.start()
    starting = asyncio.create_task(_start_all(agents))
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            ready()
            await waiting
        if draining.is_set():
            await _end(starting)
            await _drain_all(agents)
    finally:
        await _end(starting)
        await _end(waiting)
        await asyncio.gather(*(agent.close() for agent in agents))
        await door.close()


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _listen_to_signals(stopping: asyncio.Event, draining: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def drain_and_stop() -> None:
        draining.set()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGUSR1, drain_and_stop)


async def _start_all(agents: Sequence[Agent]) -> None:
    room = asyncio.Semaphore(_STARTS_AT_ONCE)

    async def start(agent: Agent) -> None:
        async with room:
            await agent.start()

    try:
        async with asyncio.TaskGroup() as group:
            for agent in agents:
                group.create_task(start(agent))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _drain_all(agents: Sequence[Agent]) -> None:
    for stubborn in await asyncio.gather(*(agent.drain() for agent in agents)):
        if stubborn:
            log.error("these guests still run: %s", ", ".join(stubborn))


async def drain_hosts(all_settings: Sequence[AgentSettings], *, within: float = 90.0) -> None:
    """Take the guests of these directories down, by the agents that work there or in their place. AgentError."""
    idle: list[AgentSettings] = []
    working: set[int] = set()
    for settings in all_settings:
        pid = working_agent(settings.data_dir)
        if pid is None:
            idle.append(settings)
        else:
            working.add(pid)
    for pid in working:
        os.kill(pid, signal.SIGUSR1)
    agents = [Agent(settings) for settings in idle]
    try:
        await _drain_all(agents)
    finally:
        await asyncio.gather(*(agent.close() for agent in agents))
    try:
        async with asyncio.timeout(within):
            while any(working_agent(settings.data_dir) for settings in all_settings):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AgentError(f"the agents {sorted(working)} do not end within {within:g} seconds") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 with one line on standard error that says what is wrong."""
    asked = _parser().parse_args(arguments)
    os.umask(0o077)  # what others may read (images, ways to sockets) is opened to them by name
    try:
        asyncio.run(_COMMANDS[asked.command](asked))
    except (AgentError, DriverError, NetworkError, SettingsError) as error:
        print(f"kilonova-agent: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(asked: argparse.Namespace) -> None:
    all_settings = _all_settings(asked)
    configure_logging(all_settings[0].log_format, all_settings[0].log_level)
    await run_agents(all_settings, ready=lambda: print("ready", flush=True))


async def _drain(asked: argparse.Namespace) -> None:
    all_settings = _all_settings(asked)
    configure_logging(all_settings[0].log_format, all_settings[0].log_level)
    await drain_hosts(all_settings, within=max(settings.drain_seconds for settings in all_settings) + 30.0)


async def _join(asked: argparse.Namespace) -> None:
    settings = _all_settings(asked)[0]
    token = _token(asked.token_file)
    name = settings.hostname or socket.gethostname()
    joined = await join(settings.controller_url, token, name, settings.data_dir, ca_file=settings.ca_file)
    print(f"host {joined.hostname} is {joined.host_id} in {joined.cell}")


def _token(file: str | None) -> str:
    """The token that a file holds, or nothing: a host that has joined needs none."""
    return Path(file).read_text().strip() if file else ""


_COMMANDS = {"run": _run, "drain": _drain, "join": _join}


def _all_settings(asked: argparse.Namespace) -> list[AgentSettings]:
    return [_settings(asked, Path(directory)) for directory in asked.data]


def _settings(asked: argparse.Namespace, data_dir: Path) -> AgentSettings:
    file = Path(asked.config) if asked.config else data_dir / "agent.toml"
    flags: dict[str, object] = {name: getattr(asked, name) for name in _FLAGS}
    flags["data_dir"] = str(data_dir)
    if asked.driver_option:
        flags["driver_options"] = dict(_pair(option) for option in asked.driver_option)
    return load_settings(
        AgentSettings,
        file=file if file.exists() or asked.config else None,
        environ=os.environ,
        flags=flags,
        ignore=NOT_SETTINGS,
    )


def _pair(option: str) -> tuple[str, str]:
    name, equals, value = option.partition("=")
    if not equals:
        raise SettingsError(f"--driver-option takes NAME=VALUE, not {option!r}")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kilonova-agent", description="The agent of a Kilonova host.")
    parser.add_argument("command", choices=sorted(_COMMANDS), nargs="?", default="run")
    parser.add_argument("--data", action="append", required=True, metavar="DIR", help="may be given many times")
    parser.add_argument("--config", metavar="FILE", help="settings, instead of DIR/agent.toml")
    parser.add_argument("--token-file", metavar="FILE", help="join: the one-time token")
    parser.add_argument("--driver-option", action="append", metavar="NAME=VALUE", default=[])
    for name in _FLAGS:
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name)
    return parser
