"""Bodies of the native API of requests."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from kilonova_compute.model.explanations import Explanation
from kilonova_compute.model.layouts import RequestedLayout
from kilonova_compute.model.requested_devices import RequestedBundle, RequestedDevices
from kilonova_compute.model.requests import RequestedGroup, RequestedLabel

_Word = Annotated[str, Meta(max_length=255)]


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """What a server asks for. Amounts by resource class; what names hosts is shown to administrators only."""

    server_id: str
    project_id: str
    user_id: str
    flavor: str
    resources: dict[str, int]
    layout: RequestedLayout | None
    machine: str
    devices: tuple[RequestedDevices, ...]
    bundles: tuple[RequestedBundle, ...]
    bundles_apart: bool
    required_traits: tuple[str, ...]
    forbidden_traits: tuple[str, ...]
    preferred_traits: tuple[str, ...]
    image_id: str
    image_traits: tuple[str, ...]
    zone: str
    host: str | UnsetType = UNSET
    cell: str | UnsetType = UNSET
    not_hosts: tuple[str, ...] | UnsetType = UNSET
    hosts: tuple[str, ...] | UnsetType | None = UNSET
    network: str | UnsetType = UNSET
    carries: tuple[str, ...] | UnsetType = UNSET
    labels: tuple[RequestedLabel, ...]
    group: RequestedGroup | None
    priority: int
    version: int


class RequestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"request": ...}``."""

    request: RequestView


class ExplainQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flavor (its id, its name, or one on demand) with what else a server would be asked for with; or a request.

    ``server`` and ``request_id`` (of the API call that asked for a server) name a request that was made: it is
    explained as if it were made now. ``request`` is a request itself, with the fields of one that is read back; those
    that name hosts or speak of them are for administrators.
    """

    flavor: Annotated[str, Meta(min_length=1, max_length=1024)] | UnsetType = UNSET
    server: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET
    request_id: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET
    request: dict[str, Any] | UnsetType = UNSET
    hints: dict[str, Any] | UnsetType = UNSET
    image: _Word | UnsetType = UNSET
    zone: _Word | UnsetType = UNSET
    host: _Word | UnsetType = UNSET
    count: Annotated[int, Meta(ge=1, le=1000)] = 1


class ExplainAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The request as it was understood, and what would become of it."""

    request: RequestView
    explanation: Explanation
