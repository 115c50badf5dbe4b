"""Identifiers: random UUIDs in the forms the OpenStack APIs use."""

from __future__ import annotations

import re
import uuid
from random import Random

_UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")

_chance = Random()  # noqa: S311 - for what need not be secret


def new_uuid() -> str:
    """A random UUID with dashes."""
    return str(uuid.uuid4())


def new_hex_id() -> str:
    """A random UUID without dashes, as the identity service names projects and users."""
    return uuid.uuid4().hex


def new_request_id() -> str:
    """``req-`` and a random UUID: the form that oslo.middleware accepts and clients print.

    It must be unique and need not be secret, and every request needs one: to ask the kernel for chance and to make an
    object of it takes longer than most of what the edge does with a request.
    """
    digits = f"{_chance.getrandbits(128):032x}"
    return f"req-{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def is_uuid_like(text: str) -> bool:
    return _UUID.fullmatch(text) is not None
