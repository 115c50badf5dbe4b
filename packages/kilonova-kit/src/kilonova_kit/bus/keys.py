"""NATS keys ("nkeys"): Ed25519 keys in a base32 text whose first letters tell what they are for.

A public key is ``prefix + 32 bytes + CRC-16``; a seed has two prefix bytes, ``S`` and the kind: ``SU...`` is the seed
of a user ``U...``. Source: github.com/nats-io/nkeys, ``strkey.go``. Seeds are secrets: no error shows one.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

KeyKind = Literal["operator", "account", "user"]

_SEED: Final = 18 << 3
_PREFIXES: Final[dict[KeyKind, int]] = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
_KEY_BYTES: Final = 32


def generate_seed(kind: KeyKind) -> str:
    """A new secret seed of that kind."""
    raw = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    prefix = _PREFIXES[kind]
    return _encode(bytes([_SEED | prefix >> 5, (prefix & 31) << 3]) + raw)


def public_key_of(seed: str) -> str:
    """The public key that belongs to a seed. ValueError when it is no seed."""
    prefix, private = _open_seed(seed)
    return _encode(bytes([prefix]) + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def sign(seed: str, data: bytes) -> bytes:
    """The Ed25519 signature (64 bytes) of ``data``."""
    return _open_seed(seed)[1].sign(data)


def check_public_key(kind: KeyKind, text: str) -> str:
    """``text`` itself when it is a public key of that kind, else ValueError."""
    data = _decode(text)
    if len(data) != 1 + _KEY_BYTES or data[0] != _PREFIXES[kind]:
        raise ValueError(f"not the public key of a NATS {kind}")
    return text


def _open_seed(seed: str) -> tuple[int, Ed25519PrivateKey]:
    data = _decode(seed)
    if len(data) != 2 + _KEY_BYTES or data[0] & 0xF8 != _SEED:
        raise ValueError("not a NATS seed")
    prefix = (data[0] & 7) << 5 | data[1] >> 3
    return prefix, Ed25519PrivateKey.from_private_bytes(data[2:])


def _encode(data: bytes) -> str:
    checksum = binascii.crc_hqx(data, 0).to_bytes(2, "little")
    return base64.b32encode(data + checksum).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        data = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        raise ValueError("not a NATS key: it is not base32") from None
    if len(data) < 3 or binascii.crc_hqx(data[:-2], 0).to_bytes(2, "little") != data[-2:]:
        raise ValueError("not a NATS key: the checksum is wrong")
    return data[:-2]
