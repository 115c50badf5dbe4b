"""Bodies and parameters of the OpenStack Placement API (Placement API reference, 1.0 to 1.39)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from kilonova_kit.http.versioned import since


class Link(msgspec.Struct, frozen=True):
    """``href`` is a path from the server's root, as the real service has it."""

    rel: str
    href: str


class VersionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The one version of the API."""

    id: str
    max_version: str
    min_version: str
    status: str
    links: tuple[Link, ...]


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """What the root answers."""

    versions: tuple[VersionDocument, ...]


class ResourceProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider."""

    uuid: str
    name: str
    generation: int
    links: tuple[Link, ...]
    parent_provider_uuid: Annotated[str | None, since(1, 14)]
    root_provider_uuid: Annotated[str, since(1, 14)]


class ResourceProviders(msgspec.Struct, frozen=True, kw_only=True):
    """A list of providers."""

    resource_providers: tuple[ResourceProvider, ...]


class InventoryBody(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is of a class."""

    total: int
    reserved: int
    min_unit: int
    max_unit: int
    step_size: int
    allocation_ratio: float


class Inventories(msgspec.Struct, frozen=True, kw_only=True):
    """All inventories of a provider."""

    inventories: dict[str, InventoryBody]
    resource_provider_generation: int


class OneInventory(msgspec.Struct, frozen=True, kw_only=True):
    """The inventory of one class."""

    total: int
    reserved: int
    min_unit: int
    max_unit: int
    step_size: int
    allocation_ratio: float
    resource_provider_generation: int


class Usages(msgspec.Struct, frozen=True, kw_only=True):
    """What is claimed of a provider, with zeros for what it has."""

    usages: dict[str, int]
    resource_provider_generation: int


class Aggregates(msgspec.Struct, frozen=True, kw_only=True):
    """The aggregates of a provider."""

    aggregates: tuple[str, ...]
    resource_provider_generation: Annotated[int, since(1, 19)]


class ProviderTraits(msgspec.Struct, frozen=True, kw_only=True):
    """The traits of a provider."""

    traits: tuple[str, ...]
    resource_provider_generation: int


class ConsumerAllocation(msgspec.Struct, frozen=True, kw_only=True):
    """What one consumer has of the provider."""

    resources: dict[str, int]
    consumer_generation: Annotated[int, since(1, 28)]


class ProviderAllocations(msgspec.Struct, frozen=True, kw_only=True):
    """Who has what of a provider, by consumer."""

    allocations: dict[str, ConsumerAllocation]
    resource_provider_generation: int


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """What the consumer has of one provider."""

    generation: int
    resources: dict[str, int]


class Allocations(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a consumer has, by provider; only ``allocations`` when it has nothing."""

    allocations: dict[str, Allocation]
    project_id: Annotated[str | msgspec.UnsetType, since(1, 12)] = msgspec.UNSET
    user_id: Annotated[str | msgspec.UnsetType, since(1, 12)] = msgspec.UNSET
    consumer_generation: Annotated[int | msgspec.UnsetType, since(1, 28)] = msgspec.UNSET
    consumer_type: Annotated[str | msgspec.UnsetType, since(1, 38)] = msgspec.UNSET


class ResourceClass(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of resource."""

    name: str
    links: tuple[Link, ...]


class ResourceClasses(msgspec.Struct, frozen=True, kw_only=True):
    """Every kind of resource."""

    resource_classes: tuple[ResourceClass, ...]


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """Names of traits."""

    traits: tuple[str, ...]


class ProvidersQuery(msgspec.Struct, frozen=True):
    """Which providers to list."""

    name: str | None = None
    uuid: str | None = None
    member_of: Annotated[tuple[str, ...], since(1, 3)] = ()
    resources: Annotated[str | None, since(1, 4)] = None
    in_tree: Annotated[str | None, since(1, 14)] = None
    required: Annotated[tuple[str, ...], since(1, 18)] = ()


class TraitsQuery(msgspec.Struct, frozen=True):
    """``name``: ``in:A,B`` or ``startswith:A``. ``associated``: whether some provider has it."""

    name: str | None = None
    associated: str | None = None
