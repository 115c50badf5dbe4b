import asyncio
import datetime
import ipaddress
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kilonova_kit.bus import Bus, BusAuthority, BusDown, BusMessage, BusServer, BusServerFailed, Credentials, TlsFiles
from kilonova_kit.bus.bound_child import end_marked
from kilonova_kit.processes import mark_of


async def until(claim: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not claim():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.005)


async def echo(message: BusMessage) -> bytes:
    return b"echo " + message.data


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[BusServer]:
    made = BusServer(BusAuthority.open(tmp_path / "authority"), tmp_path / "nats")
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_the_server_keeps_its_port_over_a_restart_of_its_parent(server: BusServer, tmp_path: Path) -> None:
    port = server.port
    await server.stop()
    second = BusServer(BusAuthority.open(tmp_path / "authority"), tmp_path / "nats")
    await second.start()
    assert second.port == port
    await second.stop()


async def test_two_servers_cannot_share_a_directory(server: BusServer, tmp_path: Path) -> None:
    with pytest.raises(BusServerFailed, match="another process"):
        await BusServer(BusAuthority.open(tmp_path / "authority"), tmp_path / "nats").start()
    assert server.pid


async def test_a_taken_port_is_told_with_the_servers_own_words(server: BusServer, tmp_path: Path) -> None:
    with pytest.raises(BusServerFailed, match="address already in use"):
        await BusServer(BusAuthority.open(tmp_path / "authority"), tmp_path / "second", port=server.port).start()


async def test_files_of_the_server_are_private(server: BusServer, tmp_path: Path) -> None:
    for directory in ("authority", "nats"):
        assert (tmp_path / directory).stat().st_mode & 0o777 == 0o700
    for name in ("authority/authority.json", "nats/nats.conf", "nats/nats.pid"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    seeds = (tmp_path / "authority/authority.json").read_text()
    for word in (tmp_path / "nats/nats.conf").read_text().split():
        assert word not in seeds or len(word) < 10


PARENT = """
import asyncio, sys
from pathlib import Path
from kilonova_kit.bus import BusAuthority, BusServer
async def main():
    server = BusServer(BusAuthority.open(Path(sys.argv[1]) / "authority"), Path(sys.argv[1]) / "nats")
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_the_server_dies_with_a_killed_parent_and_the_next_parent_takes_over(tmp_path: Path) -> None:
    parent = start([sys.executable, "-c", PARENT, str(tmp_path)])
    assert parent.stdout is not None
    pid = int(await asyncio.to_thread(parent.stdout.readline))
    assert is_running(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    await until(lambda: not is_running(pid))
    server = BusServer(BusAuthority.open(tmp_path / "authority"), tmp_path / "nats")
    await server.start()
    assert server.pid not in (None, pid)
    await server.stop()


async def test_a_pid_file_ends_only_the_very_process_it_was_written_for(tmp_path: Path) -> None:
    child = start(["sleep", "1000"])
    pid_file = tmp_path / "pid"
    try:
        other = msgspec.structs.replace(mark_of(child.pid), started=12345)
        pid_file.write_bytes(msgspec.json.encode(other))
        assert not end_marked(pid_file)
        assert child.poll() is None
        pid_file.write_bytes(msgspec.json.encode(mark_of(child.pid)))
        assert end_marked(pid_file)
        assert child.wait() == -signal.SIGKILL
        assert not end_marked(pid_file)
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


async def test_the_bus_speaks_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_certificate(certificate, key)
    authority = BusAuthority.open(tmp_path / "authority")
    server = BusServer(authority, tmp_path / "nats", tls=TlsFiles(certificate=certificate, key=key))
    await server.start()
    try:
        trust = ssl.create_default_context(cafile=str(certificate))
        bus = await Bus.connect(server.url, authority.controller_credentials("c"), "c", tls=trust)
        await bus.subscribe("kn.x", echo)
        assert await bus.request("kn.x", b"1", 5) == b"echo 1"
        host = Credentials.generate_seed()
        await authority.revoke(server.url, Credentials(jwt="", seed=host).public_key, tls=trust)
        await bus.close()
        with pytest.raises(BusDown, match=r"(?i)certificate"):
            await Bus.connect(server.url, authority.controller_credentials("d"), "d", timeout=0.5)
    finally:
        await server.stop()


def make_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bus")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
