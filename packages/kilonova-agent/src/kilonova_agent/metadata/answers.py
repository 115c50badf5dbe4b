"""Which document answers which path: pure, so that every path can be tested without a socket."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

import msgspec
from kilonova_messages.wishes import GuestMetadata, PortWiring

from kilonova_agent.metadata import documents, ec2

PASSWORD = "password"  # noqa: S105  the name of a document
_TEXT, _JSON, _BYTES = "text/plain; charset=UTF-8", "application/json", "application/octet-stream"
#: Names below an OpenStack version in the order in which they are listed, and the version that brought them.
_LISTED = (
    ("meta_data.json", documents.FOLSOM),
    ("user_data", documents.FOLSOM),
    (PASSWORD, documents.GRIZZLY),
    ("vendor_data.json", documents.HAVANA),
    ("network_data.json", documents.LIBERTY),
    ("vendor_data2.json", documents.NEWTON_TWO),
)


class Answer(msgspec.Struct, frozen=True):
    """A body and its media type."""

    body: bytes
    media_type: str = _TEXT


def parts(path: str) -> list[str]:
    """A request's path as names; doubled and trailing slashes do not matter."""
    return [name for name in posixpath.normpath(f"/{path}").split("/") if name]


def is_password(path: list[str]) -> bool:
    return len(path) == 3 and path[0] == "openstack" and path[2] == PASSWORD and _version(path[1]) >= documents.GRIZZLY


def _version(name: str) -> str:
    """The version behind a name, empty for none."""
    if name == documents.LATEST:
        return documents.VERSIONS[-1]
    return name if name in documents.VERSIONS else ""


def answer(metadata: GuestMetadata, ports: Sequence[PortWiring], address: str, path: list[str]) -> Answer | None:
    """What the service says; None is a 404. Paths that name no tree belong to EC2's."""
    if path[:1] == ["openstack"]:
        return _openstack(metadata, ports, path[1:])
    body = ec2.looked_up(metadata, address, path[1:] if path[:1] == ["ec2"] else path)
    return None if body is None else Answer(body)


def _openstack(metadata: GuestMetadata, ports: Sequence[PortWiring], path: list[str]) -> Answer | None:
    if not path:
        return Answer("\n".join((*documents.VERSIONS, documents.LATEST)).encode())
    version = _version(path[0])
    if not version:
        return None
    found = documents.openstack_documents(metadata, ports)
    prefix = f"openstack/{path[0]}/"
    if len(path) == 1:
        names = [name for name, since in _LISTED if version >= since]
        return Answer("\n".join(name for name in names if name == PASSWORD or prefix + name in found).encode())
    name = "/".join(path[1:])
    body = found.get(prefix + name)
    if body is None:
        return None
    return Answer(body, _JSON if name.endswith(".json") else _BYTES)
