"""Keys and certificates themselves: read, made, named by a fingerprint. Slow: call these in a thread."""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_public_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from kilonova_kit.errors import BadRequest

_RSA_BITS = 2048
_CERTIFICATE_DAYS = 3650
#: Microsoft's user principal name, by which Windows guests know the bearer of a certificate.
_PRINCIPAL_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """Both halves, as they are given away: PEM and OpenSSH, or PKCS #12 in base64 and a PEM certificate."""

    private_key: str
    public_key: str
    fingerprint: str

    def __repr__(self) -> str:
        return f"NewKey(fingerprint={self.fingerprint!r})"


def fingerprint_of(kind: str, public_key: str) -> str:
    """The fingerprint of an SSH key or of a certificate. Raises BadRequest for what is neither."""
    return _certificate_fingerprint(public_key) if kind == "x509" else _ssh_fingerprint(public_key)


def _ssh_fingerprint(public_key: str) -> str:
    """MD5 of the key's blob: what OpenSSH showed for long, and what the public API says."""
    try:
        load_ssh_public_key(public_key.encode())
        blob = base64.b64decode(public_key.split()[1])
    except (ValueError, UnsupportedAlgorithm, IndexError, binascii.Error) as error:
        raise BadRequest("Keypair data is invalid: failed to generate fingerprint") from error
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


def _certificate_fingerprint(pem: str) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise BadRequest(
            f"Keypair data is invalid: failed to generate X509 fingerprint. Error message: {error}"
        ) from error
    return certificate.fingerprint(hashes.SHA1()).hex(":")  # noqa: S303 - a name for it, no protection


def new_key(kind: str, user_id: str) -> NewKey:
    """Make an RSA key pair, or a certificate for a user of Windows guests."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    return _new_certificate(key, user_id) if kind == "x509" else _new_ssh_key(key)


def _new_ssh_key(key: rsa.RSAPrivateKey) -> NewKey:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return NewKey(
        private_key=private,
        public_key=f"{public} Generated-by-Nova",
        fingerprint=_ssh_fingerprint(public),
    )


def _new_certificate(key: rsa.RSAPrivateKey, user_id: str) -> NewKey:
    now, name = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user_id[:64])])
    principal = x509.OtherName(_PRINCIPAL_NAME, _utf8_string(f"{user_id}@localhost"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([principal]), critical=False)
        .sign(key, hashes.SHA256())
    )
    bundle = pkcs12.serialize_key_and_certificates(None, key, certificate, None, NoEncryption())
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return NewKey(
        private_key=base64.b64encode(bundle).decode(), public_key=pem, fingerprint=_certificate_fingerprint(pem)
    )


def _utf8_string(text: str) -> bytes:
    """DER: a tag, a length of up to two bytes, the text."""
    raw = text.encode()
    size = bytes([len(raw)]) if len(raw) < 128 else b"\x82" + len(raw).to_bytes(2)
    return b"\x0c" + size + raw
