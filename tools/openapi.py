"""Write ``openapi/<service>/<version>.json`` anew from the services' tables; ``--check``: only say what differs.

Compute gets a document for its minimum, for the maximum of every OpenStack release since, and for its own maximum: a
client is written to one of these. The other services get one, at their maximum.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec
from kilonova_compute.api.routes import SERVICE as COMPUTE
from kilonova_kit.http.openapi import openapi_document
from kilonova_kit.http.operations import Service
from kilonova_kit.http.versioned import Version
from kilonova_neighbours.identity.service import SERVICE as IDENTITY
from kilonova_neighbours.image.service import SERVICE as IMAGE
from kilonova_neighbours.network.service import SERVICE as NETWORK
from kilonova_placement.service import SERVICE as PLACEMENT

FOLDER = Path(__file__).resolve().parent.parent / "openapi"

#: Nova's maximum in Kilo, Liberty, ... (rest_api_version_history.rst).
RELEASES = (3, 12, 25, 38, 42, 53, 60, 65, 72, 79, 87, 88, 90, 93, 95, 96, 100, 101, 103)


def compute_versions() -> list[Version]:
    spoken = COMPUTE.microversions
    assert spoken is not None
    releases = {(2, minor) for minor in RELEASES if (2, minor) <= spoken.maximum}
    return sorted(releases | {spoken.minimum, spoken.maximum})


def _wanted() -> Iterator[tuple[Service, str, Version]]:
    for asked in compute_versions():
        yield COMPUTE, f"v{asked[0]}.{asked[1]}", asked
    for service in (IDENTITY, IMAGE, NETWORK, PLACEMENT):
        spoken = service.microversions
        asked = spoken.maximum if spoken else (0, 0)
        yield service, f"v{asked[0]}.{asked[1]}" if spoken else service.base_path.lstrip("/") or "v2", asked


def documents() -> Mapping[Path, bytes]:
    """Every document, by the path it is kept under."""
    release = version("kilonova")
    return {
        FOLDER / service.name / f"{name}.json": _text(openapi_document(service, asked, release=release))
        for service, name, asked in _wanted()
    }


def _text(document: Mapping[str, object]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def differences() -> list[Path]:
    """The documents that are not as the tables say, those that should not be there included."""
    wanted = documents()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_bytes() != text]
    return stale + [path for path in FOLDER.rglob("*.json") if path not in wanted]


def write() -> None:
    wanted = documents()
    for path in differences():
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[path])
        else:
            path.unlink()
        print(path.relative_to(FOLDER.parent))


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        for path in differences():
            print(f"{path.relative_to(FOLDER.parent)} differs: just openapi", file=sys.stderr)
        return 1 if differences() else 0
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
