"""Bodies of the flavors API (nova, api/openstack/compute/schemas/flavors.py)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from kilonova_kit.http.versioned import since, until
from msgspec import UNSET, Meta, UnsetType

from kilonova_compute.api.types.values import Name

Link = dict[str, str]
_FlavorId = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^(?! )[a-zA-Z0-9. _-]+(?<! )\Z")]
_Positive = Annotated[int, Meta(ge=1, le=0x7FFFFFFF)]
_Whole = Annotated[int, Meta(ge=0, le=0x7FFFFFFF)]
_Factor = Annotated[float, Meta(gt=0, le=3.40282e38)]
_Description = Annotated[str, Meta(max_length=65535, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
SpecKey = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9-_:. ]{1,255}\Z")]
SpecValue = Annotated[str, Meta(max_length=255)] | int | float


class FlavorView(msgspec.Struct, frozen=True, kw_only=True):
    """A flavor in detail. ``swap`` is an empty text for none before 2.75."""

    id: str
    name: str
    ram: int
    vcpus: int
    disk: int
    swap: int | str
    ephemeral: int = msgspec.field(name="OS-FLV-EXT-DATA:ephemeral")
    disabled: Annotated[bool, until(2, 102)] = msgspec.field(name="OS-FLV-DISABLED:disabled", default=False)
    is_public: bool = msgspec.field(name="os-flavor-access:is_public")
    rxtx_factor: Annotated[float, until(2, 102)]
    links: list[Link]
    description: Annotated[str | None, since(2, 55)]
    extra_specs: Annotated[dict[str, str] | UnsetType, since(2, 61)] = UNSET


class BriefFlavor(msgspec.Struct, frozen=True, kw_only=True):
    """A flavor in a list without details."""

    id: str
    name: str
    links: list[Link]
    description: Annotated[str | None, since(2, 55)]


class FlavorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``{"flavor": ...}``."""

    flavor: FlavorView


class FlavorList(msgspec.Struct, frozen=True, kw_only=True):
    """A page in detail."""

    flavors: list[FlavorView]
    flavors_links: list[Link] | UnsetType = UNSET


class BriefFlavorList(msgspec.Struct, frozen=True, kw_only=True):
    """A page without details."""

    flavors: list[BriefFlavor]
    flavors_links: list[Link] | UnsetType = UNSET


class NewFlavor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a flavor is made from; numbers may come as text."""

    name: Name
    ram: _Positive
    vcpus: _Positive
    disk: _Whole
    id: _FlavorId | int | float | None = None
    ephemeral: _Whole = msgspec.field(name="OS-FLV-EXT-DATA:ephemeral", default=0)
    swap: _Whole = 0
    rxtx_factor: Annotated[_Factor, until(2, 102)] = 1.0
    is_public: bool | str = msgspec.field(name="os-flavor-access:is_public", default=True)
    description: Annotated[_Description | None, since(2, 55)] = None


class CreateFlavor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /flavors``."""

    flavor: NewFlavor


class FlavorChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that may change of a flavor."""

    description: _Description | None


class UpdateFlavor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``PUT /flavors/{id}``."""

    flavor: FlavorChange


class FlavorQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of the lists; of one given several times the last counts."""

    limit: list[str] = []
    marker: list[str] = []
    is_public: list[str] = []
    min_ram: list[str] = msgspec.field(name="minRam", default_factory=list)
    min_disk: list[str] = msgspec.field(name="minDisk", default_factory=list)
    sort_key: list[str] = []
    sort_dir: list[str] = []
    name: Annotated[list[str], since(2, 102)] = []


class ExtraSpecs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``{"extra_specs": {...}}``; values that are numbers are kept as text."""

    extra_specs: dict[SpecKey, SpecValue]


class FlavorAccess(msgspec.Struct, frozen=True, kw_only=True):
    """A project that may use a private flavor."""

    flavor_id: str
    tenant_id: str


class FlavorAccessList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    flavor_access: list[FlavorAccess]


class TenantAccess(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The project that gets or loses access."""

    tenant: Annotated[str, Meta(min_length=1, max_length=255)]
