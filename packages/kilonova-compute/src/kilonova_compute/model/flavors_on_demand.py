"""Flavors on demand: a text such as ``vcpus=3,ram=2500,disk=7`` names a flavor that exists by being asked for.

    vcpus=N  ram=MiB  disk=GiB  ephemeral=GiB  swap=MiB
    pcpus=N  numa=N  pages=large|any|small|SIZE  machine=CUSTOM_CLASS
    resources:CUSTOM_CLASS=N  device:CUSTOM_CLASS=N  device:ALIAS=N  trait:NAME=required|forbidden

Words are separated by commas, in any order, with spaces around them or none; ``vcpus`` and ``ram`` must be said. The
same wish always has the same id, its canonical text, whoever writes it in whichever order. Nothing is stored.

No stored flavor can be in the way: an id of one holds no ``=``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from kilonova_compute.model.flavors import Flavor

_AMOUNTS = ("vcpus", "ram", "disk", "ephemeral", "swap")
#: Words about where vCPUs and memory are, and the extra specs that they mean (``pcpus`` means more than one).
_LAYOUT = {
    "pcpus": "hw:cpu_policy",
    "numa": "hw:numa_nodes",
    "pages": "hw:mem_page_size",
    "machine": "kilonova:machine",
}
_NEEDED = {"vcpus": "vcpus=N (how many)", "ram": "ram=N (in MiB)"}
_ALWAYS_SHOWN = frozenset({"vcpus", "ram", "disk"})
_LARGEST = 0x7FFFFFFF
_LONGEST = 255
_NUMBER = re.compile(r"[0-9]{1,10}")
_PAGES = re.compile(r"large|any|small|[1-9][0-9]{0,8}([kmg]i?b?)?", re.IGNORECASE)
_MACHINE = re.compile(r"CUSTOM_[A-Z0-9_]+")
_RESOURCE = re.compile(r"resources:CUSTOM_[A-Z0-9_]+|device:[A-Za-z0-9_.-]+")
_TRAIT = re.compile(r"trait:[A-Z][A-Z0-9_]+")
_WORDS = "|".join((*_AMOUNTS, *_LAYOUT))
_FIRST_WORD = re.compile(rf"\s*({_WORDS}|resources:\w+|device:[\w.-]+|trait:\w+)\s*=", re.IGNORECASE)
_EXAMPLE = "write it as vcpus=3,ram=2500,disk=7"


class WrongText(ValueError):
    """The text names no flavor; the message says which word is wrong and how to write it."""


class OnDemand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether users may ask for flavors of their own, and how large; -1 is without limit, memory in MiB, disks in GiB.

    ``max_disk`` counts all disks, ``max_pcpus`` vCPUs with a core of their own. ``devices`` lets them ask for devices
    and custom resource classes too, ``layouts`` for NUMA nodes and pages, ``traits`` for traits.
    """

    allowed: bool = True
    max_vcpus: int = -1
    max_ram: int = -1
    max_disk: int = -1
    max_pcpus: int = -1
    devices: bool = True
    layouts: bool = True
    traits: bool = True


#: The bounds of single projects, by their ids; those of all others are below ``*``.
OnDemandBounds = Mapping[str, OnDemand]
EVERYBODY = "*"


def is_on_demand(text: str) -> bool:
    """Whether this is meant as a flavor on demand (which may still be wrong), not as the id of one that is stored."""
    return any(_FIRST_WORD.match(word) for word in text.split(","))


def flavor_on_demand(text: str) -> Flavor:
    """The flavor that the text means. Raises WrongText."""
    amounts: dict[str, int] = {}
    layout: dict[str, str] = {}
    specs: dict[str, str] = {}
    for word in text.split(","):
        key, value = _split(word)
        if key in amounts or key in layout or key in specs:
            raise WrongText(f"'{key}' is said twice: say it once.")
        if key in _AMOUNTS:
            amounts[key] = _number(word, value, least=1 if key in _NEEDED else 0)
        elif key in _LAYOUT:
            layout[key] = _layout_word(key, word, value)
        else:
            specs[key] = _spec(key, word, value)
    for key, how in _NEEDED.items():
        if key not in amounts:
            raise WrongText(f"'{key}' is missing: say {how}, as in vcpus=3,ram=2500,disk=7.")
    return _made(amounts, layout, specs)


def _split(word: str) -> tuple[str, str]:
    key, equals, value = (part.strip() for part in word.partition("="))
    if not equals or not key or not value:
        raise WrongText(f"'{word.strip()}' is not of the form key=value: {_EXAMPLE}.")
    prefix, colon, name = key.partition(":")
    return (prefix.lower() + colon + name if colon else key.lower()), value


def _number(word: str, value: str, *, least: int) -> int:
    number = int(value) if _NUMBER.fullmatch(value) else -1
    if not least <= number <= _LARGEST:
        raise WrongText(f"'{word.strip()}': say a whole number from {least} to {_LARGEST}, without a unit.")
    return number


def _layout_word(key: str, word: str, value: str) -> str:
    if key == "machine":
        if not _MACHINE.fullmatch(value):
            raise WrongText(f"'{word.strip()}': a whole machine is of a class CUSTOM_...")
        return value
    if key != "pages":
        return str(_number(word, value, least=1))
    if not _PAGES.fullmatch(value):
        raise WrongText(f"'{word.strip()}': pages are large, any, small, or of a size such as 2MB.")
    return value.lower() if value.isalpha() else value


def _spec(key: str, word: str, value: str) -> str:
    if _RESOURCE.fullmatch(key):
        return str(_number(word, value, least=1))
    if _TRAIT.fullmatch(key):
        if value.lower() not in ("required", "forbidden"):
            raise WrongText(f"'{word.strip()}': a trait is 'required' or 'forbidden'.")
        return value.lower()
    if key.startswith("resources:"):
        raise WrongText(f"'{word.strip()}': only resources:CUSTOM_... may be asked for; use vcpus=, ram= and disk=.")
    known = ", ".join(f"{name}=" for name in (*_AMOUNTS, *_LAYOUT))
    raise WrongText(f"'{key}' is not known: say {known}, device:NAME=, resources:CUSTOM_CLASS= or trait:NAME=.")


def _made(amounts: Mapping[str, int], layout: Mapping[str, str], specs: Mapping[str, str]) -> Flavor:
    ordered = {name: specs[name] for name in sorted(specs)}
    shown = [f"{name}={amounts.get(name, 0)}" for name in _AMOUNTS if name in _ALWAYS_SHOWN or amounts.get(name)]
    shown += [f"{name}={layout[name]}" for name in _LAYOUT if name in layout]
    text = ",".join([*shown, *(f"{name}={value}" for name, value in ordered.items())])
    if len(text) > _LONGEST:
        raise WrongText(f"A flavor on demand has at most {_LONGEST} characters, and this has {len(text)}.")
    return Flavor(
        flavor_id=text,
        name=text,
        vcpus=amounts["vcpus"],
        ram=amounts["ram"],
        disk=amounts.get("disk", 0),
        ephemeral=amounts.get("ephemeral", 0),
        swap=amounts.get("swap", 0),
        extra_specs=_layout_specs(amounts["vcpus"], layout) | ordered,
    )


def _layout_specs(vcpus: int, layout: Mapping[str, str]) -> dict[str, str]:
    """The extra specs that the words mean. The first ``pcpus`` of the vCPUs are those with a core of their own."""
    specs = {_LAYOUT[name]: value for name, value in layout.items() if name != "pcpus"}
    own = int(layout.get("pcpus", 0))
    if own > vcpus:
        raise WrongText(f"'pcpus={own}': of {vcpus} vCPUs at most {vcpus} have a core of their own.")
    if own == vcpus:
        return {"hw:cpu_policy": "dedicated"} | specs
    mask = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": f"0-{own - 1}" if own > 1 else "0"}
    return (mask if own else {}) | specs


def refusal(flavor: Flavor, bounds: OnDemandBounds, project_id: str | None) -> str:
    """Why this project may not have a flavor on demand; empty when it may."""
    mine = bounds.get(project_id or EVERYBODY) or bounds.get(EVERYBODY) or OnDemand()
    if not mine.allowed:
        return "Flavors on demand are not allowed here: choose a flavor of the list."
    for allowed, names, what in (
        (mine.devices, ("resources:", "device:", "kilonova:machine"), "devices and resource classes"),
        (mine.layouts, ("hw:numa_nodes", "hw:mem_page_size"), "NUMA nodes and pages"),
        (mine.traits, ("trait:",), "traits"),
    ):
        if not allowed and any(name.startswith(names) for name in flavor.extra_specs):
            return f"A flavor on demand may not ask for {what} here: choose a flavor of the list."
    disks = flavor.disk + flavor.ephemeral + -(-flavor.swap // 1024)
    for name, asked, most in (
        ("vcpus", flavor.vcpus, mine.max_vcpus),
        ("ram", flavor.ram, mine.max_ram),
        ("disk", disks, mine.max_disk),  # all of them together, swap rounded up
        ("pcpus", _own_cores(flavor), mine.max_pcpus),
    ):
        if 0 <= most < asked:
            return f"A flavor on demand may have {name}={most} at most here, and {asked} was asked for."
    return ""


def _own_cores(flavor: Flavor) -> int:
    """How many vCPUs have a core of their own."""
    policy, mask = flavor.extra_specs.get("hw:cpu_policy", ""), flavor.extra_specs.get("hw:cpu_dedicated_mask", "")
    if not mask:
        return flavor.vcpus if policy == "dedicated" else 0
    return int(mask.rpartition("-")[2]) + 1
