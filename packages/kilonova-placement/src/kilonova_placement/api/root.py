"""The document at the root, and the API's errors."""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import KilonovaError, NotAcceptable
from kilonova_kit.http.faults import placement_faults
from kilonova_kit.http.microversions import Microversions, text
from kilonova_kit.http.operations import Answer
from kilonova_kit.http.versioned import Version

from kilonova_placement.api.reading import ApiCall, dated
from kilonova_placement.api.types import placement as types

VERSIONS = Microversions(
    service_type="placement",
    minimum=(1, 0),
    maximum=(1, 39),
    not_served="Unacceptable version header: {asked}",
    malformed="invalid version string: {asked}",
    any_numbers=True,
    vary="openstack-api-version",
)


async def root(call: ApiCall) -> Answer:
    document = types.VersionDocument(
        id=f"v{text(VERSIONS.minimum)}",
        max_version=text(VERSIONS.maximum),
        min_version=text(VERSIONS.minimum),
        status="CURRENT",
        links=(types.Link("self", ""),),
    )
    return dated(types.Versions(versions=(document,)), call)


def faults(error: KilonovaError, request_id: str, version: Version | None) -> tuple[int, Any]:
    """The errors guideline's list; who asks for a version that is not served is told which ones are.

    ``code`` came with 1.23 there. Here every version has it, for the native API speaks without a version.
    """
    status, body = placement_faults(error, request_id)
    if version is None and isinstance(error, NotAcceptable):
        body["errors"][0] |= {"max_version": text(VERSIONS.maximum), "min_version": text(VERSIONS.minimum)}
    return status, body
