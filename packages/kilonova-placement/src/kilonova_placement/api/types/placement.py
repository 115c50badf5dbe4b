"""Bodies and parameters of the OpenStack Placement API (Placement API reference, 1.0 to 1.39)."""

from __future__ import annotations

from typing import Annotated, Literal

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


class UsagesQuery(msgspec.Struct, frozen=True):
    """Whose usage; ``consumer_type`` may also be ``all`` or ``unknown``."""

    project_id: str
    user_id: str | None = None
    consumer_type: Annotated[str | None, since(1, 38)] = None


class ProjectUsages(msgspec.Struct, frozen=True, kw_only=True):
    """By resource class; from 1.38 on by type of consumer, and below that by class, with ``consumer_count``."""

    usages: dict[str, int | dict[str, int]]


class CandidatesQuery(msgspec.Struct, frozen=True):
    """The group without a suffix, and what counts for all. ``resources1`` and so on are further groups (1.25)."""

    resources: str | None = None
    required: Annotated[tuple[str, ...], since(1, 17)] = ()
    member_of: Annotated[tuple[str, ...], since(1, 21)] = ()
    in_tree: Annotated[str | None, since(1, 31)] = None
    limit: Annotated[int | None, since(1, 16)] = None
    group_policy: Annotated[Literal["none", "isolate"] | None, since(1, 25)] = None
    root_required: Annotated[str | None, since(1, 35)] = None
    same_subtree: Annotated[tuple[str, ...], since(1, 36)] = ()


class Amounts(msgspec.Struct, frozen=True):
    """So much of each class."""

    resources: dict[str, int]


class AllocationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A body for ``PUT /allocations``; before 1.12 ``allocations`` is a list."""

    allocations: dict[str, Amounts]
    mappings: Annotated[dict[str, tuple[str, ...]], since(1, 34)]


class Room(msgspec.Struct, frozen=True):
    """What there is of a class, and what is used."""

    capacity: int
    used: int


class ProviderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A provider of a candidate, or of its tree (1.29)."""

    resources: dict[str, Room]
    traits: Annotated[tuple[str, ...], since(1, 17)]
    parent_provider_uuid: Annotated[str | None, since(1, 29)]
    root_provider_uuid: Annotated[str, since(1, 29)]


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """Where it could go, and what is there."""

    allocation_requests: tuple[AllocationRequest, ...]
    provider_summaries: dict[str, ProviderSummary]


class ClassName(msgspec.Struct, frozen=True):
    """A custom class to make."""

    name: str


class CreateResourceProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider to make."""

    name: str
    uuid: str | None = None
    parent_provider_uuid: Annotated[str | None, since(1, 14)] = None


class UpdateResourceProvider(msgspec.Struct, frozen=True, kw_only=True):
    """Its new name and parent."""

    name: str
    parent_provider_uuid: Annotated[str | None, since(1, 14)] = None


class NewInventory(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is of a class."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = 2147483647
    step_size: int = 1
    allocation_ratio: float = 1.0


class UpdateInventory(NewInventory, frozen=True, kw_only=True):
    """The same, with the generation that the client knows."""

    resource_provider_generation: int


class CreateInventory(NewInventory, frozen=True, kw_only=True):
    """The same, with its class."""

    resource_class: str
    resource_provider_generation: int | None = None


class SetInventories(msgspec.Struct, frozen=True, kw_only=True):
    """All inventories of a provider."""

    resource_provider_generation: int
    inventories: dict[str, NewInventory]


class SetAggregates(msgspec.Struct, frozen=True, kw_only=True):
    """All aggregates of a provider, as of 1.19."""

    aggregates: tuple[str, ...]
    resource_provider_generation: int


class SetTraits(msgspec.Struct, frozen=True, kw_only=True):
    """All traits of a provider."""

    traits: tuple[str, ...]
    resource_provider_generation: int


class SetAllocations(msgspec.Struct, frozen=True, kw_only=True):
    """All that a consumer is to have; nothing releases it (1.28)."""

    allocations: dict[str, Amounts]
    project_id: Annotated[str, since(1, 8)]
    user_id: Annotated[str, since(1, 8)]
    consumer_generation: Annotated[int | None, since(1, 28)]
    consumer_type: Annotated[str, since(1, 38)]
    mappings: Annotated[dict[str, tuple[str, ...]], since(1, 34)] = {}


#: By consumer.
ManyAllocations = dict[str, SetAllocations]


class Reshape(msgspec.Struct, frozen=True, kw_only=True):
    """By provider and by consumer, what they are to have."""

    inventories: dict[str, SetInventories]
    allocations: dict[str, SetAllocations]
