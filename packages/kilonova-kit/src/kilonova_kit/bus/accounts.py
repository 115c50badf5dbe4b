"""Who may speak on the bus: an operator, one account for the cloud, a system account, and users signed on demand.

The server is given the two account JWTs once. A host is enrolled by signing one user JWT: the server's configuration is
not touched, also in a cluster. A revocation is written down first and told to the running server after, so that a
server that starts later knows it too, and it is for ever: a host that joins again makes a new key.

    DIR/authority.json     the three seeds, made once; whoever reads it owns the bus
    DIR/revocations.json   revoked user keys, and the time of the newest account JWT
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import nats
from nats.errors import Error as NatsError

from kilonova_kit.bus import claims, keys
from kilonova_kit.bus.credentials import Credentials
from kilonova_kit.bus.errors import BusDown, BusRefused
from kilonova_kit.private_files import locked, private_directory, write_once, write_private

#: Every JWT of a revoked key that was or will ever be issued (the year 2242; servers compare seconds).
_FOR_EVER = 2**33
#: Bytes; a report about some ten thousand guests or the tail of a console fits well.
MAX_PAYLOAD = 4 * 1024 * 1024


class _Seeds(msgspec.Struct, frozen=True, kw_only=True):
    operator: str
    account: str
    system: str

    def __repr__(self) -> str:
        return "_Seeds(...)"


class _Revocations(msgspec.Struct, frozen=True, kw_only=True):
    issued_at: int = 0
    users: dict[str, int] = {}


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A server's certificate chain and its key, PEM."""

    certificate: Path
    key: Path


class BusAuthority:
    """Signs users and revokes them. One directory is one authority; several processes may open the same."""

    def __init__(self, directory: Path, seeds: _Seeds) -> None:
        self._directory = directory
        self._seeds = seeds
        self.account = keys.public_key_of(seeds.account)
        self.system_account = keys.public_key_of(seeds.system)

    @classmethod
    def open(cls, directory: Path) -> BusAuthority:
        """The authority kept in ``directory``, made there when it is missing."""
        private_directory(directory, shut=True)
        path = directory / "authority.json"
        if not path.exists():
            seeds = _Seeds(
                operator=keys.generate_seed("operator"),
                account=keys.generate_seed("account"),
                system=keys.generate_seed("account"),
            )
            write_once(path, msgspec.json.encode(seeds))
        return cls(directory, msgspec.json.decode(path.read_bytes(), type=_Seeds))

    def server_config(self, listen_host: str, port: int, store_dir: Path, *, tls: TlsFiles | None = None) -> str:
        """A nats-server configuration that trusts this authority. It holds no secret."""
        issued_at, account, system = self._account_jwts()
        operator = claims.operator_jwt(self._seeds.operator, "kilonova", self.system_account, issued_at)
        host = f"[{listen_host}]" if ":" in listen_host else listen_host
        lines = [
            f'listen: "{host}:{port}"',
            f"max_payload: {MAX_PAYLOAD}",
            "max_connections: 100000",
            'write_deadline: "10s"',
            f"operator: {operator}",
            f"system_account: {self.system_account}",
            f'resolver: {{ type: full, dir: {_quoted(store_dir / "accounts")}, allow_delete: false, interval: "2m" }}',
            f"resolver_preload: {{ {self.account}: {account}, {self.system_account}: {system} }}",
        ]
        if tls is not None:
            lines.append(f"tls: {{ cert_file: {_quoted(tls.certificate)}, key_file: {_quoted(tls.key)} }}")
        return "\n".join(lines) + "\n"

    def sign_user(
        self,
        name: str,
        public_key: str,
        publish: Sequence[str],
        subscribe: Sequence[str],
        expires_in: timedelta | None = None,
    ) -> str:
        """The JWT of a user who may do just this; ValueError when ``public_key`` is no ``U...`` key."""
        now = int(time.time())
        return claims.user_jwt(
            self._seeds.account,
            keys.check_public_key("user", public_key),
            name,
            now,
            publish=publish,
            subscribe=subscribe,
            expires_at=None if expires_in is None else now + max(1, round(expires_in.total_seconds())),
        )

    def controller_credentials(self, name: str) -> Credentials:
        """A fresh key that may speak on every subject of the account (the system account stays shut)."""
        seed = Credentials.generate_seed()
        jwt = self.sign_user(name, keys.public_key_of(seed), [">"], [">"], None)
        return Credentials(jwt=jwt, seed=seed)

    def revoked(self) -> frozenset[str]:
        """The public keys that are shut out."""
        return frozenset(self._read_revocations().users)

    async def revoke(self, bus_url: str, public_key: str, *, tls: ssl.SSLContext | None = None) -> None:
        """Shut a key out: its connections end at once and it never comes back.

        It is written down before the server hears of it: after ``BusDown`` the key is shut out from the server's next
        start, or from the next ``tell_server``, on.
        """
        await asyncio.to_thread(self._write_revocation, keys.check_public_key("user", public_key))
        await self.tell_server(bus_url, tls=tls)

    async def tell_server(self, bus_url: str, *, tls: ssl.SSLContext | None = None) -> None:
        """Give the running server the account's newest JWT (a cluster passes it on). BusDown, BusRefused."""
        _, account, _ = self._account_jwts()
        name = f"claims-{os.getpid()}"
        inbox = f"_INBOX.{name}"
        seed = Credentials.generate_seed()
        now = int(time.time())
        jwt = claims.user_jwt(
            self._seeds.system, keys.public_key_of(seed), name, now,
            publish=["$SYS.REQ.CLAIMS.UPDATE"], subscribe=[inbox + ".>"], expires_at=now + 600,
        )  # fmt: skip
        reply = await _ask_server(bus_url, Credentials(jwt=jwt, seed=seed), inbox, account, tls)
        if b'"error"' in reply:
            raise BusRefused(f"the bus server does not take the account: {reply.decode(errors='replace')[:300]}")

    def _account_jwts(self) -> tuple[int, str, str]:
        kept = self._read_revocations()
        # The server keeps the newer of two JWTs, by the second: a clock set back must not make this one the older.
        issued_at = max(int(time.time()), kept.issued_at)
        operator = self._seeds.operator
        account = claims.account_jwt(operator, self.account, "kilonova", issued_at, revocations=kept.users)
        return issued_at, account, claims.account_jwt(operator, self.system_account, "SYS", issued_at)

    def _read_revocations(self) -> _Revocations:
        try:
            return msgspec.json.decode((self._directory / "revocations.json").read_bytes(), type=_Revocations)
        except FileNotFoundError:
            return _Revocations()

    def _write_revocation(self, public_key: str) -> None:
        with locked(self._directory / "revocations.lock"):
            kept = self._read_revocations()
            issued_at = max(int(time.time()), kept.issued_at)
            new = _Revocations(issued_at=issued_at, users={**kept.users, public_key: _FOR_EVER})
            write_private(self._directory / "revocations.json", msgspec.json.encode(new))


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def _ask_server(
    url: str, credentials: Credentials, inbox: str, account_jwt: str, tls: ssl.SSLContext | None
) -> bytes:
    reasons: list[Exception] = []

    async def note(problem: Exception) -> None:
        reasons.append(problem)

    try:
        client = await nats.connect(
            url,
            user_jwt_cb=credentials.jwt_bytes,
            signature_cb=credentials.sign_nonce,
            inbox_prefix=inbox.encode(),
            error_cb=note,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=5,
            tls=tls,
        )
        try:
            reply = await client.request("$SYS.REQ.CLAIMS.UPDATE", account_jwt.encode(), timeout=5)
            return bytes(reply.data)
        finally:
            await client.close()
    except (NatsError, OSError, TimeoutError) as problem:
        raise BusDown(f"the bus server at {url} was not told: {reasons[-1] if reasons else problem}") from problem
