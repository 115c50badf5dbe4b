"""What a flavor's extra specs and an image's properties ask for, as typed parts of a request.

Every one that means something is honoured or refused by the table of ``known_requirements``; the rest passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import msgspec

from kilonova_compute.model.cannot_honour import CannotHonour
from kilonova_compute.model.known_requirements import RULES, Fate, Rule, Source
from kilonova_compute.model.label_terms import label_of
from kilonova_compute.model.layouts import RequestedLayout
from kilonova_compute.model.layouts_of_flavors import layout_of
from kilonova_compute.model.requested_devices import Aliases, RequestedBundle, RequestedDevices, bundles_of, devices_of
from kilonova_compute.model.requests import RequestedLabel
from kilonova_compute.model.whole_numbers import whole_number

#: Names of extra specs that are ours: none of them is somebody else's.
_OURS = "kilonova:"
_FALSE = frozenset({"f", "false", "off", "n", "no", "0"})
_DEDICATED = "PCPU"
_PLAIN_RESOURCES = frozenset({"VCPU", "MEMORY_MB", "DISK_GB", _DEDICATED})
_CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]+")
_TRAIT = re.compile(r"[A-Z][A-Z0-9_]*")
_EVERY_HOST_RUNS = frozenset({"x86_64", "amd64", "i686", "i386"})


class Sized(msgspec.Struct, frozen=True, kw_only=True):
    """What else a translation looks at: how large the flavor is, and what the operator calls devices."""

    vcpus: int = 1
    ram: int = 1
    aliases: Aliases = {}


_ANY_SIZE = Sized()


class Requirements(msgspec.Struct, frozen=True, kw_only=True):
    """``resources`` replace the flavor's own amounts, 0 removes one."""

    resources: dict[str, int] = {}
    required_traits: tuple[str, ...] = ()
    forbidden_traits: tuple[str, ...] = ()
    image_traits: tuple[str, ...] = ()
    preferred_traits: tuple[str, ...] = ()
    labels: tuple[RequestedLabel, ...] = ()
    layout: RequestedLayout | None = None
    machine: str = ""
    devices: tuple[RequestedDevices, ...] = ()
    bundles: tuple[RequestedBundle, ...] = ()
    bundles_apart: bool = False
    config_drive: bool = False


def requirements_of(
    extra_specs: Mapping[str, str], properties: Mapping[str, str], sized: Sized = _ANY_SIZE
) -> Requirements:
    """Translate. Raises CannotHonour."""
    resources: dict[str, int] = {}
    traits: dict[str, set[str]] = {"required": set(), "forbidden": set(), "preferred": set(), "image": set()}
    labels: list[RequestedLabel] = []
    for name, value in extra_specs.items():
        if not _is_honoured(Source.FLAVOR, name, value):
            continue
        kind, _, key = name.partition(":")
        if kind == "resources":
            resources[key] = _amount(name, key, value)
        elif kind == "aggregate_instance_extra_specs":
            labels.append(_label(name, key, value))
        elif name == "kilonova:preferred_traits":
            traits["preferred"].update(_names_of_traits(name, value))
        elif kind == "trait":
            traits[_wish_for_trait(name, value)].add(key)
    for name, value in properties.items():
        if _is_honoured(Source.IMAGE, name, value):
            traits["image"].update(_image_trait(name, value))
    if both := sorted(traits["forbidden"] & (traits["required"] | traits["image"])):
        raise CannotHonour(f"The traits {', '.join(both)} are required and forbidden by the flavor and the image.")
    layout = layout_of(sized.vcpus, sized.ram, extra_specs, properties)
    _check_overrides(resources, layout)
    devices, (bundles, apart) = devices_of(extra_specs, properties, sized.aliases), bundles_of(extra_specs)
    return Requirements(
        layout=layout,
        machine=_machine(extra_specs, in_parts=bool(devices or bundles or (layout and layout.cells))),
        devices=devices,
        bundles=bundles,
        bundles_apart=apart,
        resources={name: amount for name, amount in resources.items() if name != _DEDICATED},
        required_traits=tuple(sorted(traits["required"])),
        forbidden_traits=tuple(sorted(traits["forbidden"])),
        image_traits=tuple(sorted(traits["image"])),
        preferred_traits=tuple(sorted(traits["preferred"])),
        labels=tuple(labels),
        config_drive=properties.get("img_config_drive", "").lower() == "mandatory",
    )


def _check_overrides(resources: Mapping[str, int], layout: RequestedLayout | None) -> None:
    """What cells claim is what they have: it cannot be said otherwise."""
    if layout and layout.cells and (both := sorted({"VCPU", "MEMORY_MB"} & set(resources))):
        raise CannotHonour(
            f"The extra spec resources:{both[0]} cannot be honoured: the guest is laid out on NUMA nodes, or has "
            "dedicated cores or huge pages, and that says what is claimed."
        )


def _machine(extra_specs: Mapping[str, str], *, in_parts: bool) -> str:
    """The class of the whole machine that is asked for; empty when none is."""
    name = "kilonova:machine"
    machine = extra_specs.get(name, "").strip()
    if machine and not _CUSTOM.fullmatch(machine):
        raise CannotHonour(f"The extra spec {name}={machine} cannot be honoured: it is no CUSTOM_… class.")
    if machine and in_parts:
        raise CannotHonour(
            f"The extra spec {name}={machine} cannot be honoured: a whole machine is not asked for together with NUMA "
            "nodes, dedicated cores, huge pages, devices or groups, for it is all of them."
        )
    return machine


def amounts_of(own: Mapping[str, int], overrides: Mapping[str, int]) -> dict[str, int]:
    """What is claimed: the flavor's own amounts, or what replaces them; nothing of which there is none."""
    return {name: amount for name, amount in {**own, **overrides}.items() if amount}


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Rule], ...]:
    """Each rule with the names it is for."""
    return tuple((re.compile("(.+)".join(map(re.escape, re.split("<.+?>", rule.name)))), rule) for rule in RULES)


@cache
def rule_for(source: Source, name: str) -> Rule | None:
    """The rule that decides; None for what is somebody's own."""
    return next(
        (rule for pattern, rule in _patterns() if rule.source is source and pattern.fullmatch(name)), None
    )  # fmt: skip


def _is_honoured(source: Source, name: str, value: str) -> bool:
    """Whether it is to be translated. Raises CannotHonour when it, or its value, is refused."""
    rule = rule_for(source, name)
    if rule is None and name.startswith(_OURS):
        ours = ", ".join(one.name for one in RULES if one.name.startswith(_OURS))
        raise CannotHonour(f"The {source} {name}={value} cannot be honoured: there are {ours}.")
    if rule is None or rule.fate is Fate.HARMLESS:
        return False
    said = value.strip().lower()
    passes = said in rule.passes or ("false" in rule.passes and said in _FALSE) or _is_machine(rule, said)
    if rule.fate is Fate.HONOURED and rule.passes and not passes:
        raise CannotHonour(f"The {source} {name}={value} cannot be honoured: it may be {', '.join(rule.passes)}.")
    if rule.fate is Fate.REFUSED and not passes:
        raise CannotHonour(f"The {source} {name}={value} cannot be honoured: {rule.why}.")
    return rule.fate is Fate.HONOURED


def _is_machine(rule: Rule, value: str) -> bool:
    """A machine may be of a certain version: ``pc-i440fx-7.2``, ``pc-q35-7.2``."""
    return rule.name == "hw_machine_type" and re.fullmatch(r"(pc|q35)(-[a-z0-9.-]+)?", value) is not None


def _amount(name: str, resource_class: str, value: str) -> int:
    if resource_class not in _PLAIN_RESOURCES and not _CUSTOM.fullmatch(resource_class):
        raise CannotHonour(
            f"The extra spec {name}={value} cannot be honoured: guests get VCPU, PCPU, MEMORY_MB, DISK_GB, CUSTOM_…."
        )
    if (amount := whole_number(value.strip())) is None:
        raise CannotHonour(f"The extra spec {name}={value} cannot be honoured: it is no whole number.")
    return amount


def _names_of_traits(name: str, value: str) -> list[str]:
    """Names with commas between them."""
    names = [one.strip() for one in value.split(",")]
    for trait in names:
        if not _TRAIT.fullmatch(trait):
            raise CannotHonour(f"The extra spec {name}={value} cannot be honoured: {trait!r} is no name of a trait.")
    return names


def _label(name: str, key: str, value: str) -> RequestedLabel:
    try:
        return label_of(key, value)
    except ValueError as error:
        raise CannotHonour(f"The extra spec {name}={value} cannot be honoured: {error}.") from error


def _wish_for_trait(name: str, value: str) -> str:
    trait, said = name.partition(":")[2], value.strip().lower()
    if said not in ("required", "forbidden") or not _TRAIT.fullmatch(trait):
        raise CannotHonour(f"The extra spec {name}={value} cannot be honoured: a trait is 'required' or 'forbidden'.")
    return said


def _image_trait(name: str, value: str) -> list[str]:
    """The traits that a host must have for this property."""
    if name.startswith("trait:"):
        trait = name.partition(":")[2]
        if not _TRAIT.fullmatch(trait):
            raise CannotHonour(f"The image property {name}={value} cannot be honoured: {trait} is no name of a trait.")
        return [trait]
    said = value.strip().lower()
    if name in ("architecture", "hw_architecture") and said not in _EVERY_HOST_RUNS:
        return [f"HW_ARCH_{said.upper()}"]
    return []
