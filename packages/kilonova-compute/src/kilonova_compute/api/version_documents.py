"""Which versions there are: what clients read before they have a token (nova, api/openstack/compute/versions.py)."""

from __future__ import annotations

from typing import Any

import msgspec
from kilonova_kit.http.operations import Call, NoQuery, Operation
from kilonova_kit.http.policy import Policy, anyone
from msgspec import UNSET, UnsetType

from kilonova_compute.api.versions import MAXIMUM, MINIMUM
from kilonova_compute.app.compute import Compute

Link = dict[str, str]
RootCall = Call[Compute, None, NoQuery]

_POLICY = Policy("os_compute_api:versions", anyone)
_DESCRIBED = {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"}


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A version; ``version`` and ``min_version`` are the range of microversions, empty for none."""

    id: str
    status: str
    version: str
    min_version: str
    updated: str
    links: list[Link]
    media_types: list[Link] | UnsetType = msgspec.field(name="media-types", default=UNSET)


class VersionList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    versions: list[VersionView]


class VersionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"version": ...}``."""

    version: VersionView


def _root(call: Call[Compute, Any, Any]) -> str:
    return call.base_url.rsplit("/", 1)[0]


def _old(call: RootCall) -> VersionView:
    return VersionView(
        id="v2.0",
        status="SUPPORTED",
        version="",
        min_version="",
        updated="2011-01-21T11:33:21Z",
        links=[{"rel": "self", "href": f"{_root(call)}/v2/"}],
    )


def _new(call: RootCall) -> VersionView:
    return VersionView(
        id="v2.1",
        status="CURRENT",
        version=_text(MAXIMUM),
        min_version=_text(MINIMUM),
        updated="2013-07-23T11:33:21Z",
        links=[{"rel": "self", "href": f"{_root(call)}/v2.1/"}],
    )


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _described(view: VersionView) -> VersionAnswer:
    kind = f"application/vnd.openstack.compute+json;version={'2' if view.id == 'v2.0' else '2.1'}"
    media = [{"base": "application/json", "type": kind}]
    return VersionAnswer(version=msgspec.structs.replace(view, media_types=media, links=[*view.links, _DESCRIBED]))


async def index(call: RootCall) -> VersionList:
    return VersionList(versions=[_old(call), _new(call)])


async def show_old(call: RootCall) -> VersionAnswer:
    return _described(_old(call))


async def show(call: RootCall) -> VersionAnswer:
    return _described(_new(call))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="versions.index",
        method="GET",
        path="//",
        handler=index,
        policy=_POLICY,
        returns=VersionList,
        public=True,
        summary="List the versions of the API.",
    ),
    Operation(
        name="versions.show_old",
        method="GET",
        path="//v2",
        handler=show_old,
        policy=_POLICY,
        returns=VersionAnswer,
        public=True,
        summary="Describe version 2.0, which is 2.1 without microversions.",
    ),
    Operation(
        name="versions.show",
        method="GET",
        path="/",
        handler=show,
        policy=_POLICY,
        returns=VersionAnswer,
        public=True,
        summary="Describe version 2.1 and its microversions.",
    ),
)
