"""What is asked for: a typed thing that whoever owns it writes down and may ask again with.

A request never names amounts per provider: choosing is placement's work. New fields get a default, so that a stored
request of an older version still reads; ``version`` says which one wrote it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

Amount = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
ClassName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]+$", max_length=255)]
TraitName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]+$", max_length=255)]
Name = Annotated[str, msgspec.Meta(max_length=255)]

NUMA_NODE = "HW_NUMA_ROOT"
#: What marks a NUMA node that has processors for one guest each, and no others.
NO_SHARED_PROCESSORS = "CUSTOM_NO_SHARED_PROCESSORS"
HYPERTHREADING = "HW_CPU_HYPERTHREADING"

#: 1: amounts, devices by class, traits, place. 2: bundles of one provider, NUMA cells, devices by traits, machines.
REQUEST_VERSION = 2


class Comparison(StrEnum):
    """How a term compares a value of a host with its own; ``contains``: all of the term's are within it."""

    IS = "is"
    IS_NOT = "is_not"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ABOVE = "above"
    BELOW = "below"
    CONTAINS = "contains"


class LabelTerm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of the host's values of the label ``key`` must pass the test against one of ``values``.

    ``is_not`` and ``contains`` must hold against all of them. ``as_numbers`` compares numbers (what is no number
    fails), else texts. ``or_absent``: a host without the key passes.
    """

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    values: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    test: Comparison = Comparison.IS
    as_numbers: bool = False
    or_absent: bool = False


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where it may stand. Empty means anywhere.

    ``aggregates``: the host must be in at least one of each group. ``host``, ``hosts`` (one of them; an empty tuple is
    nowhere) and ``not_hosts`` are names of hosts. ``network``: the host's address is in it (``10.1.0.0/16``).
    ``labels``: terms that must all hold. ``carries``: marks by which it may go to hosts that are only for some.
    ``near_cell``: a cell that is preferred, because what is asked for comes from there.
    """

    zone: Name = ""
    aggregates: tuple[tuple[Name, ...], ...] = ()
    host: Name = ""
    cell: Name = ""
    not_hosts: tuple[Name, ...] = ()
    hosts: tuple[Name, ...] | None = None
    network: Name = ""
    labels: tuple[LabelTerm, ...] = ()
    carries: tuple[Name, ...] = ()
    near_cell: Name = ""


class NumaPolicy(StrEnum):
    """How near a device must be to the NUMA nodes that a guest's cells are on; without cells it means nothing.

    ``required``: at one of them. ``socket``: at a node of the same socket (trait ``CUSTOM_SOCKET_<N>`` of both nodes).
    ``preferred``: there if possible. ``legacy``: as required, and devices of no known node count as near.
    """

    LEGACY = "legacy"
    REQUIRED = "required"
    PREFERRED = "preferred"
    SOCKET = "socket"


class DeviceWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """So many discrete things of a class; they may come from several providers of one host.

    The class names vendor and product; what else they must be (or must not) is in traits of their providers.
    """

    resource_class: ClassName
    count: Amount = 1
    required_traits: tuple[TraitName, ...] = ()
    forbidden_traits: tuple[TraitName, ...] = ()
    near: NumaPolicy = NumaPolicy.LEGACY


class Bundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What must come from one provider: a granular group of the Placement API. Without resources only its traits do.

    ``name`` is unique in the request (``1``, ``_net``); ``Request.same_subtree`` speaks of it.
    """

    name: Name
    resources: dict[ClassName, Amount] = {}
    required_traits: tuple[TraitName, ...] = ()
    forbidden_traits: tuple[TraitName, ...] = ()


class NumaCell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A NUMA node of the guest. ``dedicated_cores`` are PCPU, ``shared_cores`` VCPU."""

    memory_mb: Amount
    dedicated_cores: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0
    shared_cores: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0


class NumaWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Cells, each on a NUMA node of its own: a provider with the trait ``HW_NUMA_ROOT``.

    The cells' cores and memory are not in ``Request.resources``. PCPU comes from the node, VCPU and MEMORY_MB from the
    node where nodes have them, else from the host, and NUMA_MEMORY_MB is claimed beside MEMORY_MB where nodes have it.
    A host that has no nodes to tell apart counts as one node. ``memory_classes``: the class that gives the memory of
    all cells, the first with which they fit; any but MEMORY_MB (huge pages, ``CUSTOM_MEMORY_PAGES_<KiB>KB``, in MiB)
    comes from the node, instead of MEMORY_MB.
    """

    cells: Annotated[tuple[NumaCell, ...], msgspec.Meta(min_length=1, max_length=64)]
    memory_classes: Annotated[tuple[ClassName, ...], msgspec.Meta(min_length=1, max_length=8)] = ("MEMORY_MB",)


class ThreadPolicy(StrEnum):
    """Dedicated cores and hyper-threading: ``require`` a host that has it, ``isolate`` on one that has not."""

    ANY = ""
    PREFER = "prefer"
    ISOLATE = "isolate"
    REQUIRE = "require"


class GroupWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Together or apart from others of a group: ``affinity``, ``anti-affinity`` or their ``soft-`` forms."""

    group_id: Name
    policy: Name
    max_per_host: int = 0


class ImageNeeds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the image asks of a host, in traits."""

    image_id: Name = ""
    traits: tuple[TraitName, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything one guest asks for.

    ``resources`` are divisible, each whole from one provider of the host. ``bundles_apart``: no two bundles with
    resources from one provider (``group_policy=isolate``). ``same_subtree``: names of bundles whose providers are one
    of them and what hangs below it. ``machine``: the class of a whole machine, of which nothing may be claimed yet and
    all is; ``resources`` are then the least it has. ``priority``: higher is more important.
    """

    resources: dict[ClassName, Amount] = {}
    devices: tuple[DeviceWish, ...] = ()
    numa: NumaWish | None = None
    thread_policy: ThreadPolicy = ThreadPolicy.ANY
    bundles: Annotated[tuple[Bundle, ...], msgspec.Meta(max_length=64)] = ()
    bundles_apart: bool = False
    same_subtree: tuple[tuple[Name, ...], ...] = ()
    machine: ClassName | None = None
    required_traits: tuple[TraitName, ...] = ()
    forbidden_traits: tuple[TraitName, ...] = ()
    preferred_traits: tuple[TraitName, ...] = ()
    place: Place = Place()
    group: GroupWish | None = None
    image: ImageNeeds = ImageNeeds()
    priority: int = 0
    version: int = REQUEST_VERSION

    def all_required_traits(self) -> tuple[str, ...]:
        """What some provider of the host must have: the request's own, the image's, and what cores ask for."""
        threads = (HYPERTHREADING,) if self.thread_policy is ThreadPolicy.REQUIRE else ()
        return (*self.required_traits, *self.image.traits, *threads)

    def all_forbidden_traits(self) -> tuple[str, ...]:
        """What no provider of the host may have."""
        threads = (HYPERTHREADING,) if self.thread_policy is ThreadPolicy.ISOLATE else ()
        return (*self.forbidden_traits, *threads)


def contradiction(request: Request) -> str:
    """Why the request makes no sense, in words that name the field; empty when it does."""
    forbidden = request.all_forbidden_traits()
    if forbidden and (both := {*request.all_required_traits()} & {*forbidden}):
        return f"request: required and forbidden at the same time: {', '.join(sorted(both))}"
    names = [bundle.name for bundle in request.bundles]
    if len(set(names)) < len(names):
        return "request.bundles: each name may be given once"
    if unknown := sorted({name for tree in request.same_subtree for name in tree} - set(names)):
        return f"request.same_subtree: there is no bundle {', '.join(unknown)}"
    if request.machine and (request.numa or request.bundles or request.devices):
        return "request.machine: a whole machine is not asked for together with cells, bundles or devices"
    return ""
