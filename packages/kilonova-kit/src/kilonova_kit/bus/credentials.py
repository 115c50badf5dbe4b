"""What a client proves itself with: a signed JWT (not secret by itself) and the seed of the key that it names."""

from __future__ import annotations

import base64

import msgspec

from kilonova_kit.bus import keys


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A user JWT and the seed of its key. Nothing that prints these shows the seed."""

    jwt: str
    seed: str

    def __repr__(self) -> str:
        return f"Credentials(public_key={self.public_key!r})"

    @property
    def public_key(self) -> str:
        """The ``U...`` key that the seed belongs to."""
        return keys.public_key_of(self.seed)

    @staticmethod
    def generate_seed() -> str:
        """A new ``SU...`` seed: a secret that need never leave the host that makes it."""
        return keys.generate_seed("user")

    def jwt_bytes(self) -> bytearray:
        """The JWT in the form nats-py asks for."""
        return bytearray(self.jwt.encode())

    def sign_nonce(self, nonce: str) -> bytes:
        """The answer to the server's nonce in the form nats-py asks for."""
        return base64.b64encode(keys.sign(self.seed, nonce.encode()))
