"""The doors in front of the metadata service, and guests that knock too often."""

import asyncio
import contextlib
import socket

import pytest
from kilonova_agent.network import metadata_door
from kilonova_agent.network.metadata_door import MetadataDoors

QUESTION = b"GET /latest HTTP/1.1\r\nHost: x\r\n\r\n"


class Service:
    """Stands for the agent: answers when it is told to."""

    def __init__(self):
        self.asked = 0
        self.answers = asyncio.Event()

    async def serve(self, reader, writer):
        self.asked += 1
        await reader.readuntil(b"\r\n\r\n")
        await self.answers.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()


@pytest.fixture
async def service(tmp_path):
    made = Service()
    async with await asyncio.start_unix_server(made.serve, str(tmp_path / "s")):
        yield made
        made.answers.set()


@pytest.fixture
async def doors(service, tmp_path):
    made = MetadataDoors(tmp_path / "s")
    yield made
    for network in ("n1", "n2"):
        await made.close(network)


@pytest.fixture
async def knock(doors):
    """Opens a door on loopback with the first call for a network, then connects and asks."""
    places, writers = {}, []

    async def ask(network):
        if network not in places:
            door = socket.create_server(("127.0.0.1", 0), backlog=1000)
            door.setblocking(False)
            places[network] = door.getsockname()
            await doors.open(network, door)
        reader, writer = await asyncio.open_connection(*places[network])
        writers.append(writer)
        writer.write(QUESTION)
        return reader

    yield ask
    for writer in writers:
        writer.close()


async def body_of(reader):
    """What came until the end; nothing from a door that hung up."""
    with contextlib.suppress(ConnectionError):
        return await reader.read()
    return b""


async def test_a_guest_that_asks_without_end_is_turned_away_and_others_are_not(service, knock, eventually):
    most = metadata_door.MOST_OF_A_NETWORK
    greedy = [await knock("n1") for _ in range(3 * most)]
    turned_away = await asyncio.gather(*(body_of(reader) for reader in greedy[most:]))
    assert set(turned_away) == {b""}
    assert service.asked == most
    other = await knock("n2")
    await eventually(lambda: service.asked == most + 1)
    service.answers.set()
    for reader in (*greedy[:most], other):
        assert (await body_of(reader)).endswith(b"ok")
    again = await knock("n1")
    assert (await body_of(again)).endswith(b"ok")


async def test_all_networks_together_are_bounded_too(service, knock, eventually, monkeypatch):
    monkeypatch.setattr(metadata_door, "MOST", 2)
    await knock("n1")
    await knock("n2")
    await eventually(lambda: service.asked == 2)
    assert await body_of(await knock("n2")) == b""
