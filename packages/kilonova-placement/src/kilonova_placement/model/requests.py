"""What is asked for: a typed thing that whoever owns it writes down and may ask again with.

A request never names amounts per provider: choosing is placement's work. New fields get a default, so that a stored
request of an older version still reads; ``version`` says which one wrote it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Amount = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
ClassName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]+$", max_length=255)]
TraitName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]+$", max_length=255)]
Name = Annotated[str, msgspec.Meta(max_length=255)]

REQUEST_VERSION = 1


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where it may stand. Empty means anywhere.

    ``aggregates``: the host must be in at least one of each group. ``host`` and ``not_hosts`` are names of hosts.
    """

    zone: Name = ""
    aggregates: tuple[tuple[Name, ...], ...] = ()
    host: Name = ""
    cell: Name = ""
    not_hosts: tuple[Name, ...] = ()


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
