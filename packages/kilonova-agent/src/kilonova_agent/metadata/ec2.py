"""The EC2 metadata tree, as Nova shows it: a directory lists its names, those of inner directories with a slash.

Source: EC2 user guide, "Instance metadata"; Nova user documentation, "EC2-compatible metadata".
"""

from __future__ import annotations

from typing import Any

from kilonova_messages.wishes import GuestMetadata

VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
)
#: The name under which a directory is listed, where that is not its own: a key's number and name.
LISTED_AS = "_name"


def ec2_id(kind: str, identifier: str) -> str:
    """An EC2 identifier made from one of ours: ``i-1a2b3c4d``."""
    return f"{kind}-{identifier.replace('-', '')[:8].ljust(8, '0')}"


def tree(metadata: GuestMetadata, local_ipv4: str, version: str) -> dict[str, Any]:
    """The directories below a version: dicts are directories, everything else is a file."""
    below: dict[str, Any] = {"meta-data": _meta_data(metadata, local_ipv4, version)}
    if metadata.user_data:
        below["user-data"] = metadata.user_data
    return below


def _meta_data(metadata: GuestMetadata, local_ipv4: str, version: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "ami-id": ec2_id("ami", metadata.image_id),
        "ami-launch-index": metadata.launch_index,
        "ami-manifest-path": "FIXME",  # what the public API has always answered
        "hostname": metadata.hostname,
        "instance-id": ec2_id("i", metadata.server_id),
        "local-ipv4": local_ipv4,
        "reservation-id": metadata.reservation_id,
        "security-groups": list(metadata.security_groups),
    }
    if metadata.public_keys:
        name, key = next(iter(metadata.public_keys.items()))
        data["public-keys"] = {"0": {LISTED_AS: f"0={name}", "openssh-key": key}}
    for since, more in _additions(metadata).items():
        if version >= since:
            data |= more
    return data


def _additions(metadata: GuestMetadata) -> dict[str, dict[str, Any]]:
    """What each version added."""
    kernel = {"kernel-id": ec2_id("aki", metadata.kernel_id)} if metadata.kernel_id else {}
    ramdisk = {"ramdisk-id": ec2_id("ari", metadata.ramdisk_id)} if metadata.ramdisk_id else {}
    return {
        "2007-01-19": {"local-hostname": metadata.hostname, "public-hostname": metadata.hostname, "public-ipv4": ""},
        "2007-08-29": {"instance-type": metadata.instance_type},
        "2007-12-15": {"block-device-mapping": {"ami": "vda", "root": "/dev/vda"}, **kernel, **ramdisk},
        "2008-02-01": {"placement": {"availability-zone": metadata.availability_zone}},
        "2008-09-01": {"instance-action": "none"},
    }


def rendered(value: Any) -> bytes:
    """A file's content, or a directory's listing."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return "\n".join(_listed(value)).encode()
    if isinstance(value, list | tuple):
        return "\n".join(value).encode()
    return str(value).encode()


def _listed(directory: dict[str, Any]) -> list[str]:
    return [
        value.get(LISTED_AS, f"{name}/") if isinstance(value, dict) else name
        for name, value in sorted(directory.items())
        if name != LISTED_AS
    ]


def looked_up(metadata: GuestMetadata, local_ipv4: str, path: list[str]) -> bytes | None:
    """The answer for a path such as ``["latest", "meta-data", "hostname"]``; None where there is nothing."""
    if not path:
        return rendered((*VERSIONS, "latest"))
    version = VERSIONS[-1] if path[0] == "latest" else path[0]
    if version not in VERSIONS:
        return None
    found: Any = tree(metadata, local_ipv4, version)
    for name in path[1:]:
        if not isinstance(found, dict) or name not in found or name == LISTED_AS:
            return None
        found = found[name]
    return rendered(found)
