"""Devices and bundles that a flavor asks for: aliases of PCI devices, classes, granular groups of resources.

An alias is an operator's name for a kind of device, as nova's ``[pci]alias`` is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from kilonova_compute.model.cannot_honour import CannotHonour
from kilonova_compute.model.whole_numbers import whole_number

_POLICIES = ("required", "preferred", "legacy", "socket")
_ALIAS = re.compile(r"\s*([^:,]+?)\s*:\s*(\d{1,4})\s*")
_CLASS = re.compile(r"CUSTOM_[A-Z0-9_]+")
_TRAIT = re.compile(r"[A-Z][A-Z0-9_]*")
_PLAIN = frozenset({"VCPU", "MEMORY_MB", "DISK_GB"})
_GRANULAR = re.compile(r"(resources|trait)([a-zA-Z0-9_-]{1,64}):(.+)")
DEVICE = "device:"
_THINGS = re.compile(r"pci_passthrough:alias|device:|kilonova:machine|resources[^:]*:CUSTOM_")
_Near = Annotated[str, Meta(pattern="^(required|preferred|legacy|socket)$")]
_Hex = Annotated[str, Meta(pattern="^([0-9a-fA-F]{4})?$")]


class DeviceAlias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The kind of device an alias stands for: by vendor and product, or by a resource class; ``traits`` narrow it.

    ``numa_policy``: how near to the guest's cores it must be, where the flavor says nothing else.
    """

    vendor_id: _Hex = ""
    product_id: _Hex = ""
    resource_class: Annotated[str, Meta(pattern="^(CUSTOM_[A-Z0-9_]+)?$")] = ""
    traits: tuple[str, ...] = ()
    numa_policy: _Near = "legacy"

    def __post_init__(self) -> None:
        if not self.of_class:
            raise ValueError("say `vendor_id` and `product_id`, or `resource_class`")

    @property
    def of_class(self) -> str:
        """The resource class that its devices are of."""
        named = f"CUSTOM_PCI_{self.vendor_id}_{self.product_id}".upper() if self.vendor_id and self.product_id else ""
        return self.resource_class or named


Aliases = Mapping[str, DeviceAlias]


class RequestedDevices(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So many of a class with these traits; ``near``: nova's word for the NUMA policy; ``alias``: how it was asked."""

    resource_class: str
    count: int
    required_traits: tuple[str, ...] = ()
    near: _Near = "legacy"
    alias: str = ""


class RequestedBundle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must come from one provider: a granular group, by its suffix."""

    name: str
    resources: dict[str, int] = {}
    required_traits: tuple[str, ...] = ()
    forbidden_traits: tuple[str, ...] = ()


def asks_for_things(specs: Mapping[str, str]) -> bool:
    """Whether more may be claimed than cores, memory and disk."""
    return any(_THINGS.match(name) for name in specs)


def devices_of(
    specs: Mapping[str, str], properties: Mapping[str, str], aliases: Aliases
) -> tuple[RequestedDevices, ...]:
    """Raises CannotHonour."""
    policy = _policy(specs, properties)
    found = [
        _by_alias(name, int(count), aliases, policy) for name, count in _asked(specs.get("pci_passthrough:alias", ""))
    ]
    for name, value in sorted(specs.items()):
        if name.startswith(DEVICE):
            found.append(_by_name(name, value, aliases, policy))
    return tuple(device for device in found if device.count)


def _policy(specs: Mapping[str, str], properties: Mapping[str, str]) -> str:
    name = "pci_numa_affinity_policy"
    flavor, image = specs.get(f"hw:{name}", "").strip(), properties.get(f"hw_{name}", "").strip()
    if flavor and image and flavor != image:
        raise CannotHonour(
            "Image property 'hw_pci_numa_affinity_policy' is not permitted to override the "
            "'hw:pci_numa_affinity_policy' flavor extra spec."
        )
    if (policy := flavor or image) and policy not in _POLICIES:
        raise CannotHonour(f"Invalid PCI NUMA affinity configured: {policy}")
    return policy


def _asked(text: str) -> list[tuple[str, str]]:
    """``a1:2,b:1`` as pairs."""
    pairs = []
    for part in text.split(",") if text.strip() else ():
        matched = _ALIAS.fullmatch(part)
        if matched is None:
            raise CannotHonour(f"The extra spec pci_passthrough:alias={text} cannot be honoured: write alias:count,….")
        pairs.append((matched[1], matched[2]))
    return pairs


def _by_alias(name: str, count: int, aliases: Aliases, policy: str) -> RequestedDevices:
    alias = aliases.get(name)
    if alias is None:
        raise CannotHonour(f"PCI alias {name} is not defined")
    return RequestedDevices(
        resource_class=alias.of_class,
        count=count,
        required_traits=tuple(sorted(alias.traits)),
        near=policy or alias.numa_policy,
        alias=name,
    )


def _by_name(name: str, value: str, aliases: Aliases, policy: str) -> RequestedDevices:
    """``device:CLASS=N`` or ``device:ALIAS=N``."""
    key = name.removeprefix(DEVICE)
    if (count := whole_number(value.strip())) is None:
        raise CannotHonour(f"The extra spec {name}={value} cannot be honoured: it is no whole number.")
    if key in aliases:
        return _by_alias(key, count, aliases, policy)
    if not _CLASS.fullmatch(key):
        raise CannotHonour(
            f"The extra spec {name}={value} cannot be honoured: {key} is no alias and no CUSTOM_… class."
        )
    return RequestedDevices(resource_class=key, count=count, near=policy or "legacy")


# --- bundles


def bundles_of(specs: Mapping[str, str]) -> tuple[tuple[RequestedBundle, ...], bool]:
    """The granular groups, and whether each must come from a provider of its own. Raises CannotHonour."""
    groups: dict[str, dict[str, dict[str, str]]] = {}
    for name, value in specs.items():
        if matched := _GRANULAR.fullmatch(name):
            kind, suffix, key = matched.groups()
            groups.setdefault(suffix, {"resources": {}, "trait": {}})[kind][key] = value.strip()
    policy = specs.get("group_policy", "").strip()
    if policy not in ("", "isolate", "none"):
        raise CannotHonour(f"The extra spec group_policy={policy} cannot be honoured: it may be isolate, none.")
    if len(groups) > 1 and not policy:
        raise CannotHonour(
            "More than one group of resources is asked for: say group_policy=isolate (each from a provider of its own) "
            "or group_policy=none."
        )
    return tuple(_bundle(suffix, group) for suffix, group in sorted(groups.items())), policy == "isolate"


def _bundle(suffix: str, group: Mapping[str, Mapping[str, str]]) -> RequestedBundle:
    if not group["resources"]:
        raise CannotHonour(f"The traits of group {suffix} cannot be honoured: no resources{suffix}:CLASS is asked for.")
    for trait, wish in group["trait"].items():
        if wish.lower() not in ("required", "forbidden") or not _TRAIT.fullmatch(trait):
            raise CannotHonour(
                f"The extra spec trait{suffix}:{trait}={wish} cannot be honoured: a trait is 'required' or 'forbidden'."
            )
    wishes = {trait: wish.lower() for trait, wish in sorted(group["trait"].items())}
    return RequestedBundle(
        name=suffix,
        resources={key: _amount(suffix, key, value) for key, value in sorted(group["resources"].items())},
        required_traits=tuple(trait for trait, wish in wishes.items() if wish == "required"),
        forbidden_traits=tuple(trait for trait, wish in wishes.items() if wish == "forbidden"),
    )


def _amount(suffix: str, resource_class: str, value: str) -> int:
    said = f"The extra spec resources{suffix}:{resource_class}={value} cannot be honoured"
    if resource_class not in _PLAIN and not _CLASS.fullmatch(resource_class):
        raise CannotHonour(f"{said}: guests get {', '.join(sorted(_PLAIN))}, CUSTOM_… in groups.")
    if not (amount := whole_number(value)):
        raise CannotHonour(f"{said}: it is no whole number above 0.")
    return amount
