"""2.75: ``PUT /servers/{id}`` answers with all that ``GET`` shows; before, much of it was missing."""

from __future__ import annotations

from typing import Any

from kilonova_kit.http.operations import Change
from kilonova_kit.http.versioned import Version

_PREFIXES = ("OS-EXT-AZ:", "OS-EXT-SRV-ATTR:", "OS-EXT-STS:", "OS-SRV-USG:", "os-extended-volumes:")
_NAMES = ("config_drive", "key_name", "security_groups", "host_status")


def _shorten(body: Any, version: Version) -> None:
    server = body["server"]
    for name in list(server):
        if name.startswith(_PREFIXES) or name in _NAMES:
            del server[name]
    for addresses in server["addresses"].values():
        for address in addresses:
            address.pop("OS-EXT-IPS:type", None)
            address.pop("OS-EXT-IPS-MAC:mac_addr", None)


CHANGE = Change(
    version=(2, 75),
    operations=frozenset({"servers.update"}),
    summary="PUT answers with the whole server.",
    older_answer=_shorten,
)
