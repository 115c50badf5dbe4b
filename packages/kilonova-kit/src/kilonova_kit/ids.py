"""Identifiers: random UUIDs in the forms the OpenStack APIs use."""

from __future__ import annotations

import re
import uuid

_UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")


def new_uuid() -> str:
    """A random UUID with dashes."""
    return str(uuid.uuid4())


def new_hex_id() -> str:
    """A random UUID without dashes, as the identity service names projects and users."""
    return uuid.uuid4().hex


def new_request_id() -> str:
    """``req-`` and a UUID: the form that oslo.middleware accepts and clients print."""
    return f"req-{uuid.uuid4()}"


def is_uuid_like(text: str) -> bool:
    return _UUID.fullmatch(text) is not None
