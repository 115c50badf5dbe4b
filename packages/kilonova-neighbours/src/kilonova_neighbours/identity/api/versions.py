"""Version discovery: the roots that clients read before they have a token."""

from __future__ import annotations

from kilonova_kit.http.operations import Answer

from kilonova_neighbours.identity.api.answers import Plain
from kilonova_neighbours.identity.api.permits import IdentityCall

_MEDIA = {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}


def _version(call: IdentityCall) -> Plain:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{call.base_url}/"}],
        "media-types": [_MEDIA],
    }


async def choices(call: IdentityCall) -> Answer:
    """300 Multiple Choices, as Keystone's root answers."""
    headers = {"Location": f"{call.base_url}/", "Vary": "X-Auth-Token"}
    return Answer({"versions": {"values": [_version(call)]}}, 300, headers)


async def show(call: IdentityCall) -> Answer:
    return Answer({"version": _version(call)}, 200, {"Vary": "X-Auth-Token"})


async def extensions(call: IdentityCall) -> Plain:
    """What is called an extension in v3 for historical reasons."""
    return {"extensions": [], "links": {"self": call.own_url, "previous": None, "next": None}}
