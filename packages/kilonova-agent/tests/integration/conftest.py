"""A real nats-server, and a small controller that joins hosts, gives images, sends steps and hears reports."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys

import msgspec
import pytest
from kilonova_agent.agent import Agent
from kilonova_agent.joining import join
from kilonova_agent.settings import AgentSettings
from kilonova_kit.bus import Bus, BusAuthority, BusServer
from kilonova_messages import subjects
from kilonova_messages.encoding import decode_answer, decode_report, encode
from kilonova_messages.joining import JoinAnswer, JoinRequest
from kilonova_messages.reports import GuestsReport, Receipt
from kilonova_messages.steps import StepReport
from kilonova_messages.wishes import ImageSource

CELL = "cell1"


class Controller:
    """What an agent sees of the control plane. ``deaf`` makes it lose that many reports of steps.

    ``unreadable``: kinds of reports that it does not understand, as an older one.
    """

    def __init__(self, directory):
        self.authority = BusAuthority.open(directory / "bus")
        self.server = BusServer(self.authority, directory / "nats")
        self.hosts = {}
        self.images = {}
        self.fetches = []
        self.reports = []
        self.metadata = {}
        self.deaf = 0
        self.unreadable = ()
        self.knows_host = True
        self.status = 200

    async def start(self):
        await self.server.start()
        self.bus = await Bus.connect(self.server.url, self.authority.controller_credentials("controller"), "controller")
        await self.bus.subscribe(subjects.all_reports(CELL), self._hear, queue="controllers")
        self._http = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._http.sockets[0].getsockname()[1]}"

    async def close(self):
        self._http.close()
        await self.bus.close()
        await self.server.stop()

    # -- reports

    async def _hear(self, message):
        report = decode_report(message.data)
        if isinstance(report, StepReport) and self.deaf:
            self.deaf -= 1
            return None
        self.reports.append((subjects.reporting_host(message.subject), report))
        if type(report).__name__ == "MetadataQuestion":
            return encode(Receipt(metadata=self.metadata.get(report.server_id)))
        if isinstance(report, self.unreadable):
            return encode(Receipt(refused="unreadable"))
        return encode(Receipt(refused="" if self.knows_host else "unknown"))

    def of(self, kind):
        return [report for _, report in self.reports if isinstance(report, kind)]

    def ends_of(self, request):
        return [r for r in self.of(StepReport) if r.operation_id == request.operation_id and r.state != "working"]

    def guests(self):
        """The latest report of all guests, by id; None when there is none yet."""
        found = self.of(GuestsReport)
        return {guest.guest_id: guest for guest in found[-1].guests} if found else None

    # -- steps and questions

    async def send(self, host_id, request):
        await self.bus.publish(subjects.work(CELL, host_id), encode(request))

    async def run(self, host_id, request, seconds=60):
        """Ask until it has ended, as the engine does."""
        async with asyncio.timeout(seconds):
            while True:
                await self.send(host_id, request)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(3):
                        while not self.ends_of(request):  # noqa: ASYNC110 - heard in another task
                            await asyncio.sleep(0.01)
                        return self.ends_of(request)[-1]

    async def ask(self, host_id, ask):
        return decode_answer(await self.bus.request(subjects.ask(CELL, host_id), encode(ask), 10))

    # -- HTTP

    def add_image(self, content, **changes):
        digest = hashlib.sha512(content).hexdigest()
        image_id = f"image-{len(self.images)}"
        self.images[f"/compute/host-images/{image_id}"] = content
        parts = {
            "image_id": image_id,
            "path": f"/compute/host-images/{image_id}",
            "ticket": "ticket-1",
            "size_bytes": len(content),
            "digest_algorithm": "sha512",
            "digest": digest,
            "format": "raw",
        }
        return ImageSource(**{**parts, **changes})

    async def _serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, answer = self._answer(method, path, headers, body)
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        writer.close()

    def _answer(self, method, path, headers, body):
        if path == "/compute/host-joins":
            return self._join(msgspec.json.decode(body, type=JoinRequest))
        self.fetches.append(path)
        if headers.get("x-kilonova-ticket") != "ticket-1":
            return 403, b"{}"
        if self.status != 200 or path not in self.images:
            return (self.status if self.status != 200 else 404), b"{}"
        return 200, self.images[path]

    def _join(self, asked):
        if asked.token != "token-1":
            return 403, b'{"forbidden": {"code": 403, "message": "the join token is unknown"}}'
        host_id, key = self.hosts.setdefault(asked.hostname, (f"id-of-{asked.hostname}", asked.public_key))
        if key != asked.public_key:
            words = f"a host named {asked.hostname} has joined with another key"
            return 409, msgspec.json.encode({"conflictingRequest": {"code": 409, "message": words}})
        publish, subscribe = subjects.host_permissions(CELL, host_id)
        jwt = self.authority.sign_user(asked.hostname, asked.public_key, publish, subscribe)
        answer = JoinAnswer(host_id=host_id, cell=CELL, bus_url=self.server.url, credentials=jwt)
        return 200, msgspec.json.encode(answer)


@pytest.fixture
async def controller(tmp_path):
    made = Controller(tmp_path / "controller")
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def start_agent(controller, tmp_path):
    """Join as that host (if it has not) and start its agent here; closed in the end."""
    agents = []

    async def start(hostname="h1", **changes):
        data_dir = tmp_path / hostname
        await join(controller.url, "token-1", hostname, data_dir)
        parts = {"data_dir": data_dir, "driver": "fake", "heartbeat_seconds": 0.1}
        agent = Agent(AgentSettings(**{**parts, **changes}))
        agents.append(agent)
        await agent.start()
        return agent

    yield start
    for agent in agents:
        await agent.close()


def own_environment():
    """Without what is meant for others: an agent takes every such variable for a setting of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KILONOVA_")}


class AgentProcess:
    """An agent in a process of its own."""

    def __init__(self, data_dir, *flags):
        self._data_dir, self._flags = data_dir, flags
        self.process = None

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "kilonova_agent", "run", "--data", str(self._data_dir), "--driver", "fake",
            "--heartbeat-seconds", "0.1", *self._flags,
            stdout=asyncio.subprocess.PIPE, env=own_environment(),
        )  # fmt: skip
        assert await self.process.stdout.readline() == b"ready\n"

    async def end(self, number=signal.SIGTERM):
        if self.process is not None and self.process.returncode is None:
            os.kill(self.process.pid, number)
        return await self.process.wait()


@pytest.fixture
async def agent_process(controller, tmp_path):
    """Start ``python -m kilonova_agent`` for a joined host; ended in the end."""
    started = []

    async def start(hostname="h1", *flags):
        data_dir = tmp_path / hostname
        await join(controller.url, "token-1", hostname, data_dir)
        process = AgentProcess(data_dir, *flags)
        started.append(process)
        await process.start()
        return process

    yield start
    for process in started:
        await process.end(signal.SIGKILL)


#: What a host with real guests is made of.
TOOLS = ("qemu-system-x86_64", "qemu-img", "nft", "dnsmasq", "ip", "nsenter")


@pytest.fixture
async def real_agent(controller, tmp_path):
    """Start the agent of a host with real guests, again and again; in the end nothing of it is left on the machine.

    ``host_file``: what its ``host.toml`` says. ``drain_seconds``: for its guests to stop in the end.
    """
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if missing := [tool for tool in TOOLS if shutil.which(tool, path=path) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    data_dir = tmp_path / "h1"
    await join(controller.url, "token-1", "h1", data_dir)
    agents = []

    async def start(*, host_file="", drain_seconds=30):
        if host_file:
            (data_dir / "host.toml").write_text(host_file)
        settings = AgentSettings(
            data_dir=data_dir,
            driver="qemu",
            driver_options={"accelerator": "tcg"},
            heartbeat_seconds=0.1,
            drain_seconds=drain_seconds,
        )
        agents.append(Agent(settings))
        await agents[-1].start()
        return agents[-1]

    yield start
    for agent in agents:
        await agent.close()
    if agents:
        last = Agent(agents[-1].settings)
        await last.drain()
        await last.close()


@pytest.fixture
def tiny_qcow2(tiny_image_path):
    return tiny_image_path.read_bytes()
