"""The folder of a cloud: everything it keeps, and nothing beside it.

cloud.json        how it was started last: driver, hosts, cells, addresses
secrets.json      passwords and keys (0600), made once
clouds.yaml       the clouds kilonova-admin and kilonova-demo for OpenStack clients (0600), with the passwords that
                  these users began with (``up --reset-passwords`` gives them those again)
db/ images/ identity/ bus/ nats/     what the services keep
hosts/<name>/     what each host's agent keeps
logs/ run/        logs; pid files and notes of running processes
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

import msgspec
from kilonova_kit.private_files import write_private

from kilonova.cloud.errors import CloudError


class CloudState(msgspec.Struct, frozen=True, kw_only=True):
    """How the cloud was started last; a later ``up`` without flags does the same."""

    listen: str = "127.0.0.1:8774"
    public_url: str = ""
    driver: str = "qemu"
    hosts: int = 1
    cells: int = 1
    private_cidr: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(port)

    @property
    def url(self) -> str:
        """Where this machine reaches the cloud."""
        host, port = self.address
        reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
        return f"{'https' if self.certificate else 'http'}://{reachable}:{port}"


class CloudSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """Made once; never logged."""

    admin_password: str
    demo_password: str
    service_password: str
    ticket_secret: str
    controller_id: str

    def __repr__(self) -> str:
        return "CloudSecrets(...)"


def _make_room(path: Path, mode: int) -> None:
    """A folder that exists keeps its mode."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        path.chmod(mode)


def last_line(log: Path) -> str:
    """The last thing that a process wrote to its log."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


class CloudFolder:
    """Paths, state and secrets of one cloud."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def make(self) -> None:
        """Make the folder and its rooms, whatever the umask. Raises CloudError where it cannot be had, or not alone."""
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            _make_room(self.root, 0o711)
            self._refuse_others()
            for room in ("db", "identity", "images", "bus", "nats", "logs", "run"):
                _make_room(self.root / room, 0o700)
            _make_room(self.root / "hosts", 0o711)
        except OSError as error:
            raise CloudError(f"the folder {self.root} cannot be made: {error.strerror}") from error

    def _refuse_others(self) -> None:
        """Somebody who may write here could put a link or a key of their own where we look for ours."""
        found = self.root.stat()
        if found.st_uid not in (0, os.geteuid()):
            raise CloudError(f"the folder {self.root} belongs to another user: choose another with --data")
        if found.st_mode & stat.S_IWOTH:
            raise CloudError(
                f"anybody may write in the folder {self.root}: chmod o-w it, or choose another with --data"
            )

    @property
    def exists(self) -> bool:
        return self._state.exists()

    @property
    def _state(self) -> Path:
        return self.root / "cloud.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def clouds_yaml(self) -> Path:
        return self.root / "clouds.yaml"

    def host(self, name: str) -> Path:
        return self.root / "hosts" / name

    def database(self, name: str) -> str:
        return f"sqlite:///{self.root / 'db' / name}.db"

    def state(self) -> CloudState:
        """How it was started last. Raises CloudError when there is no cloud here, or not this user's."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=CloudState)
        except FileNotFoundError:
            words = f"there is no cloud in {self.root}: start one with 'kilonova up --data {self.root}'"
        except PermissionError:
            words = f"the cloud in {self.root} is not this user's: become its owner, or choose another with --data"
        raise CloudError(words)

    def save_state(self, state: CloudState) -> None:
        write_private(self._state, msgspec.json.format(msgspec.json.encode(state)))

    def secrets(self) -> CloudSecrets:
        """The cloud's secrets, made now if there are none."""
        path = self.root / "secrets.json"
        if not path.exists():
            made = CloudSecrets(
                admin_password=secrets.token_urlsafe(18),
                demo_password=secrets.token_urlsafe(18),
                service_password=secrets.token_urlsafe(32),
                ticket_secret=secrets.token_hex(32),
                controller_id=secrets.token_hex(16),
            )
            write_private(path, msgspec.json.format(msgspec.json.encode(made)))
        return msgspec.json.decode(path.read_bytes(), type=CloudSecrets)

    def write_clouds_yaml(self, state: CloudState) -> None:
        """What ``openstack --os-cloud kilonova-demo`` reads."""
        kept, url = self.secrets(), state.public_url or state.url
        entries = [
            _cloud("kilonova-admin", url, "admin", kept.admin_password, "admin", state.certificate),
            _cloud("kilonova-demo", url, "demo", kept.demo_password, "demo", state.certificate),
        ]
        write_private(self.clouds_yaml, ("clouds:\n" + "".join(entries)).encode())


def _cloud(name: str, url: str, user: str, password: str, project: str, certificate: str) -> str:
    trust = f"    cacert: {certificate}\n" if certificate else ""
    return (
        f"  {name}:\n"
        f"    auth:\n"
        f"      auth_url: {url}/identity/v3\n"
        f"      username: {user}\n"
        f"      password: {password}\n"
        f"      project_name: {project}\n"
        f"      user_domain_id: default\n"
        f"      project_domain_id: default\n"
        f"    region_name: RegionOne\n"
        f"    interface: public\n"
        f"    identity_api_version: 3\n"
        f"{trust}"
    )
