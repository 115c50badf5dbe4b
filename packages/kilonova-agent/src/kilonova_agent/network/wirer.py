"""The helper process: ``python -m kilonova_agent.network.wirer SETTINGS`` (one JSON argument).

It holds the privileges that the agent need not have, does one request at a time, and serves the metadata doors. It ends
when its standard input does (the agent went); what it has wired stays. A lock keeps a second one of the same agent
waiting until the first is gone.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import socket

import msgspec
from pyroute2.netlink.exceptions import NetlinkError

from kilonova_agent.network import requests
from kilonova_agent.network.dnsmasq import Dnsmasqs
from kilonova_agent.network.errors import HostUnfit, NetworkError
from kilonova_agent.network.metadata_door import MetadataDoors
from kilonova_agent.network.names import Names
from kilonova_agent.network.namespaces import ROOT_DIRECTORY, Namespaces
from kilonova_agent.network.records import Records
from kilonova_agent.network.requests import Answer, Ask, EnsurePort, ListPorts, RemovePort, TearDown
from kilonova_agent.network.routers import Routers
from kilonova_agent.network.wirer_settings import WirerSettings
from kilonova_agent.network.wiring import Doors, Wiring

_log = logging.getLogger("kilonova_agent.network.wirer")
_EXPECTED = (NetworkError, OSError, LookupError, ValueError, NetlinkError, subprocess.SubprocessError)
_WATCH_SECONDS = 10


def make_wiring(settings: WirerSettings, doors: Doors) -> Wiring:
    own, state = Names(settings.tag), Path(settings.state_directory)
    namespaces = Namespaces(state / "namespaces" if settings.enclosed else ROOT_DIRECTORY)
    run_directory = state / "run" if settings.enclosed else Path("/run") / own.hub
    records = Records(state / "records")
    return Wiring(
        own=own,
        records=records,
        namespaces=namespaces,
        routers=Routers(own=own, namespaces=namespaces, records=records, enclosed=settings.enclosed),
        dnsmasqs=Dnsmasqs(
            state=state,
            run_directory=run_directory,
            namespaces=namespaces,
            resolvers=settings.resolvers,
            unprivileged=not settings.enclosed,
        ),
        doors=doors,
        run_directory=run_directory,
        tap_owner=settings.tap_owner,
    )


def carry_out(wiring: Wiring, ask: Ask) -> Answer:
    """One request and its answer; whatever goes wrong becomes words for the agent."""
    try:
        return _carry_out(wiring, ask)
    except NetworkError as error:
        return Answer(number=ask.number, error=error.message, unfit=isinstance(error, HostUnfit))
    except _EXPECTED as error:
        _log.exception("request %d failed", ask.number)
        return Answer(number=ask.number, error=f"{type(error).__name__}: {error}")


def _carry_out(wiring: Wiring, ask: Ask) -> Answer:
    match ask.request:
        case EnsurePort(guest_id=guest_id, wiring=wish):
            return Answer(number=ask.number, ports=(wiring.ensure_port(guest_id, wish),))
        case RemovePort(port_id=port_id):
            wiring.remove_port(port_id)
        case ListPorts():
            return Answer(number=ask.number, ports=wiring.ports())
        case TearDown():
            wiring.tear_down()
    return Answer(number=ask.number)


async def serve(settings: WirerSettings) -> None:
    loop = asyncio.get_running_loop()
    reader, answers = await _pipes(loop)
    metadata = MetadataDoors(Path(settings.metadata_socket))

    def open_door(network_id: str, door: socket) -> None:
        asyncio.run_coroutine_threadsafe(metadata.open(network_id, door), loop).result()

    def close_door(network_id: str) -> None:
        asyncio.run_coroutine_threadsafe(metadata.close(network_id), loop).result()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="wiring") as thread:
        wiring = await loop.run_in_executor(thread, make_wiring, settings, Doors(open_door, close_door))
        await loop.run_in_executor(thread, wiring.repair)
        answers.write(requests.encode_frame(Answer(number=0)))
        watch = loop.create_task(_watch(thread, wiring))
        try:
            while True:
                ask = await requests.read_frame(reader, Ask)
                answers.write(requests.encode_frame(await loop.run_in_executor(thread, carry_out, wiring, ask)))
        except asyncio.IncompleteReadError:
            watch.cancel()


async def _watch(thread: ThreadPoolExecutor, wiring: Wiring) -> None:
    """Look now and then whether what should run still runs."""
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        try:
            await asyncio.get_running_loop().run_in_executor(thread, wiring.revive)
        except _EXPECTED:
            _log.exception("cannot revive a DHCP server; trying again in %d s", _WATCH_SECONDS)


async def _pipes(loop: asyncio.AbstractEventLoop) -> tuple[asyncio.StreamReader, asyncio.WriteTransport]:
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    # A second descriptor, so that nothing printed by mistake can get between the frames.
    frames = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, frames)
    return reader, transport


def main() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    settings = msgspec.json.decode(sys.argv[1], type=WirerSettings)
    os.umask(0o077)
    # An ordinary user's PATH often lacks the directories of nft and dnsmasq.
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    state = Path(settings.state_directory)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
