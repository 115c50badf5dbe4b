"""How this host became part of the cloud: a key made here, a one-time token, and what the controller answered.

    DATA/host.seed    the secret half of the host's key; it never leaves the host          0600
    DATA/host.json    who the host is, where its bus is, and the JWT that binds its key    0600

Joining may be repeated: with the answer on disk nothing is asked, and without it the same key asks again.
"""

from __future__ import annotations

import asyncio
import ssl
from importlib.metadata import version
from pathlib import Path

import msgspec
from kilonova_kit.bus.credentials import Credentials
from kilonova_kit.private_files import private_directory, write_private
from kilonova_messages.joining import JoinAnswer, JoinRequest

from kilonova_agent.errors import AgentError

AGENT_VERSION = version("kilonova-agent")
_TRIES = 5
_SECONDS = 15.0


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """What ``host.json`` holds."""

    host_id: str
    cell: str
    bus_url: str
    credentials: str
    hostname: str
    controller_url: str

    def __repr__(self) -> str:
        return f"Joined(host_id={self.host_id!r}, cell={self.cell!r}, hostname={self.hostname!r})"


def read_joined(data_dir: Path) -> Joined | None:
    """Who this host is; None when it has not joined. AgentError for a file that cannot be understood."""
    path = data_dir / "host.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Joined)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise AgentError(f"{path} cannot be understood ({error}): remove it and join again with a new token") from error


def bus_credentials(data_dir: Path, joined: Joined) -> Credentials:
    try:
        seed = (data_dir / "host.seed").read_text().strip()
    except FileNotFoundError as error:
        raise AgentError(f"the host's key {data_dir / 'host.seed'} is gone: join again under another name") from error
    return Credentials(jwt=joined.credentials, seed=seed)


async def join(
    controller_url: str, token: str, hostname: str, data_dir: Path, *, ca_file: Path | None = None
) -> Joined:
    """Join the cloud, or say how this host has joined it before. AgentError with the controller's words."""
    url = controller_url.rstrip("/")
    known = read_joined(data_dir)
    if known is not None and known.hostname == hostname:
        moved = msgspec.structs.replace(known, controller_url=url)
        if moved != known:
            _keep(data_dir, moved)
        return moved
    credentials = Credentials(jwt="", seed=_seed(private_directory(data_dir)))
    asked = JoinRequest(token=token, public_key=credentials.public_key, hostname=hostname, agent_version=AGENT_VERSION)
    answer = await _ask(f"{url}/compute/host-joins", asked, ca_file)
    joined = Joined(
        host_id=answer.host_id,
        cell=answer.cell,
        bus_url=answer.bus_url,
        credentials=answer.credentials,
        hostname=hostname,
        controller_url=url,
    )
    _keep(data_dir, joined)
    return joined


def _keep(data_dir: Path, joined: Joined) -> None:
    write_private(data_dir / "host.json", msgspec.json.encode(joined), durable=True)


def _seed(data_dir: Path) -> str:
    path = data_dir / "host.seed"
    if not path.exists():
        write_private(path, Credentials.generate_seed().encode(), durable=True)
    return path.read_text().strip()


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)


async def _ask(url: str, asked: JoinRequest, ca_file: Path | None) -> JoinAnswer:
    import httpx  # here, because an agent that has joined rarely needs it

    verify = tls_context(ca_file) if url.startswith("https:") else False
    async with httpx.AsyncClient(verify=verify, timeout=_SECONDS, trust_env=False) as client:
        for number in range(1, _TRIES + 1):
            try:
                reply = await client.post(
                    url, content=msgspec.json.encode(asked), headers={"Content-Type": "application/json"}
                )
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__} {error}".strip()
            else:
                if reply.status_code < 500:
                    return _answer(url, reply.status_code, reply.content)
                trouble = f"it answered {reply.status_code}"
            if number < _TRIES:
                await asyncio.sleep(0.2 * 2**number)
    raise AgentError(f"the cloud at {url} cannot be reached: {trouble}")


def _answer(url: str, status: int, body: bytes) -> JoinAnswer:
    if status in (200, 201, 202):
        try:
            return msgspec.json.decode(body, type=JoinAnswer)
        except msgspec.DecodeError as error:
            raise AgentError(f"{url} is not a cloud that hosts can join: {error}") from error
    raise AgentError(f"the cloud refuses this host ({status}): {_words(body)}")


def _words(body: bytes) -> str:
    """The message in an error body of any of its forms."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode(errors="replace")[:300]
    while isinstance(found, dict) and found:
        found = found.get("message") or next(iter(found.values()))
    return str(found)[:300]
