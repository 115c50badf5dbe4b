"""Providers: hosts, and parts of hosts, that have something to give. A provider without a parent is a host."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec

from kilonova_placement.model.attributes import Attributes, Said
from kilonova_placement.model.requests import ClassName, Name, TraitName

#: The largest amount: a float holds every whole number up to here, and an index of many fits 64 bits.
MOST = 2**53
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
ProviderId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$")]


class Inventory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How much there is of one class. ``max_unit`` 0: one claim may take as much as there is."""

    total: Whole
    reserved: Whole = 0
    min_unit: Positive = 1
    max_unit: Whole = 0
    step_size: Positive = 1
    allocation_ratio: Annotated[float, msgspec.Meta(ge=0)] = 1.0

    @property
    def capacity(self) -> int:
        """What may be claimed in all: ``(total - reserved) * allocation_ratio``, as the Placement API defines it.

        Never more than the index can count: one host that boasts must not stop the choosing for all.
        """
        return math.floor(min(max(0.0, (self.total - self.reserved) * self.allocation_ratio), MOST))

    @property
    def largest_claim(self) -> int:
        return self.max_unit or self.total


class ProviderReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is said about a provider. None leaves what is there; ``inventories`` and ``traits`` are whole sets.

    ``disabled`` and ``down`` are reasons in words; an empty one means enabled, or up.
    ``generation``: when given, the report counts only if the provider still has it (409 otherwise).
    ``attributes``: what is said about a host beside what it has to give (``model/attributes.py``).
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    cell: Name = ""
    parent_id: ProviderId | None = None
    inventories: dict[ClassName, Inventory] = {}
    traits: tuple[TraitName, ...] = ()
    zone: Name | None = None
    aggregates: tuple[Name, ...] | None = None
    disabled: str | None = None
    down: str | None = None
    generation: int | None = None
    attributes: Said = Said()


class ProviderChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A change of some of a provider's attributes; None leaves what is there."""

    zone: Name | None = None
    aggregates: tuple[Name, ...] | None = None
    disabled: str | None = None
    down: str | None = None
    attributes: Said = Said()


#: Why a host that operators made through the Placement API takes no servers; an agent's first report clears it.
NOT_REPORTED = "made through the Placement API: no agent has reported it"


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent said last."""

    inventories: dict[str, Inventory] = {}
    traits: tuple[str, ...] = ()


class Overlay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What operators said otherwise through the Placement API (``model/layers.py``). ``placed``: below which parent."""

    inventories: dict[str, dict[str, int | float]] = {}
    withheld_classes: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    withheld_traits: tuple[str, ...] = ()
    placed: bool = False


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as it is written down. ``root_id`` is its own id for a host.

    ``generation`` is raised by every change. The Placement API counts from 0 and not every change: it shows
    ``generation - unseen``. ``reported`` is None as long as it is what is in force, that is, without an overlay.
    """

    provider_id: str
    name: str
    generation: int
    root_id: str
    parent_id: str | None = None
    cell: str = ""
    zone: str = ""
    inventories: dict[str, Inventory] = {}
    traits: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()
    disabled: str = ""
    down: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    unseen: int = 1
    reported: Reported | None = None
    overlay: Overlay | None = None
    attributes: Attributes = Attributes()

    @property
    def api_generation(self) -> int:
        return self.generation - self.unseen


class ProviderUse(msgspec.Struct, frozen=True, kw_only=True):
    """A provider and the sums of the live claims on it. ``guests``: of a host, how many claims its tree has."""

    provider: Provider
    used: dict[str, int]
    guests: int = 0
