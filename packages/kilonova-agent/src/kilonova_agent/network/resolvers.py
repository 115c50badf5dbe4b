"""The machine's own DNS resolvers, which guests get when their subnet names none."""

from __future__ import annotations

import ipaddress
from pathlib import Path

#: systemd-resolved keeps the real ones in the second file while the first names only its stub.
_FILES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


def parse(text: str) -> tuple[str, ...]:
    """IPv4 resolvers that are not on the loopback, which no guest could reach."""
    found = [words[1] for line in text.splitlines() if len(words := line.split()) >= 2 and words[0] == "nameserver"]
    return tuple(address for address in found if _reachable(address))


def _reachable(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.version == 4 and not parsed.is_loopback and not parsed.is_unspecified


def host_resolvers() -> tuple[str, ...]:
    for path in _FILES:
        if path.is_file() and (found := parse(path.read_text(errors="replace"))):
            return found
    return ()
