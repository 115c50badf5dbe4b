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

REQUEST_VERSION = 1


class Test(StrEnum):
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

    ``as_numbers`` compares numbers (what is no number fails), else texts. ``or_absent``: a host without the key passes.
    """

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    values: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    test: Test = Test.IS
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


class DeviceWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many discrete things of a class; they may come from several providers of one host."""

    resource_class: ClassName
    count: Amount = 1


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
    """Everything one guest asks for. ``resources`` are divisible; ``priority``: higher is more important."""

    resources: dict[ClassName, Amount] = {}
    devices: tuple[DeviceWish, ...] = ()
    required_traits: tuple[TraitName, ...] = ()
    forbidden_traits: tuple[TraitName, ...] = ()
    preferred_traits: tuple[TraitName, ...] = ()
    place: Place = Place()
    group: GroupWish | None = None
    image: ImageNeeds = ImageNeeds()
    priority: int = 0
    version: int = REQUEST_VERSION

    def all_required_traits(self) -> tuple[str, ...]:
        """The request's own and the image's."""
        return (*self.required_traits, *self.image.traits)
