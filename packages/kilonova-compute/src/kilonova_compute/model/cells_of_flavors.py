"""NUMA cells, dedicated cores and page sizes: what the flavor and the image say, checked as nova checks it.

The rules and the words are those of nova's ``virt/hardware.py`` (``numa_get_constraints``) and ``exception.py``, where
they are also a 400: an image may ask for less than the flavor forbids, and never override what the flavor says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from kilonova_compute.model.cannot_honour import CannotHonour
from kilonova_compute.model.layouts import ORDINARY_PAGE_KIB, RequestedCell
from kilonova_compute.model.whole_numbers import whole_number

_POLICIES = ("dedicated", "shared", "mixed")
_THREADS = ("prefer", "isolate", "require")
_MOST_NODES = 128
_SIZE = re.compile(r"(\d+)\s*([kmgt]?)(?:i?b?)", re.IGNORECASE)
_KIB = {"": 1 / 1024, "k": 1, "m": 1024, "g": 1024**2, "t": 1024**3}
_PINNED = ("dedicated", "mixed")


class Said(NamedTuple):
    """What a flavor and its image say: ``hw:NAME`` and ``hw_NAME``; empty where they say nothing."""

    specs: Mapping[str, str]
    properties: Mapping[str, str]

    def both(self, name: str) -> tuple[str, str]:
        return self.specs.get(f"hw:{name}", "").strip(), self.properties.get(f"hw_{name}", "").strip()


class Cores(NamedTuple):
    """``policy``: empty, or one of nova's. ``dedicated``: numbers of the vCPUs with a core of their own."""

    policy: str
    dedicated: frozenset[int]
    thread_policy: str
    emulator_threads: str


# --- cores


def cores_of(vcpus: int, said: Said) -> Cores:
    """Raises CannotHonour."""
    policy, thread_policy = _cpu_policy(said), _thread_policy(said)
    mask, emulator = said.specs.get("hw:cpu_dedicated_mask", ""), said.specs.get("hw:emulator_threads_policy", "")
    _one_of("hw:emulator_threads_policy", emulator, ("share", "isolate"))
    policy = _policy_by_resources(policy, vcpus, emulator, said.specs)
    thread_policy = _threads_by_trait(thread_policy, said)
    if policy not in _PINNED:
        if thread_policy and said.both("cpu_thread_policy") != ("", ""):
            raise CannotHonour("Cannot set cpu thread pinning policy in a non dedicated cpu pinning policy")
        if emulator == "isolate":
            raise CannotHonour("An isolated CPU emulator threads option requires a dedicated CPU policy option.")
        thread_policy = ""
    if mask and policy != "mixed":
        raise CannotHonour("Cannot specify 'hw:cpu_dedicated_mask' without the 'mixed' policy.")
    return Cores(policy, _dedicated(policy, vcpus, mask), thread_policy, emulator if policy in _PINNED else "")


def _cpu_policy(said: Said) -> str:
    flavor, image = said.both("cpu_policy")
    _one_of("cpu_policy", flavor, _POLICIES)
    _one_of("cpu_policy", image, _POLICIES)
    overrides = {"mixed": ("dedicated",), "shared": ("mixed", "dedicated")}
    if image in overrides.get(flavor, ()):
        raise CannotHonour(
            "Image property 'hw_cpu_policy' is not permitted to override CPU pinning policy set against the flavor"
        )
    return flavor or image


def _thread_policy(said: Said) -> str:
    flavor, image = said.both("cpu_thread_policy")
    _one_of("cpu_thread_policy", flavor, _THREADS)
    _one_of("cpu_thread_policy", image, _THREADS)
    if flavor not in ("", "prefer") and image not in ("", flavor):
        raise CannotHonour(
            "Image property 'hw_cpu_thread_policy' is not permitted to override CPU thread pinning policy set "
            "against the flavor"
        )
    return flavor if flavor not in ("", "prefer") else image or flavor


def _threads_by_trait(thread_policy: str, said: Said) -> str:
    trait = "trait:HW_CPU_HYPERTHREADING"
    wish = (said.specs.get(trait) or said.properties.get(trait) or "").strip().lower()
    if wish and thread_policy:
        raise CannotHonour(
            "It is not possible to use the 'trait:HW_CPU_HYPERTHREADING' extra spec in combination with the "
            "'hw:cpu_thread_policy' extra spec or 'hw_cpu_thread_policy' image metadata property; use one or the other"
        )
    return {"required": "require", "forbidden": "isolate"}.get(wish, thread_policy)


def _policy_by_resources(policy: str, vcpus: int, emulator: str, specs: Mapping[str, str]) -> str:
    """``resources:PCPU`` asks for dedicated cores too, for all vCPUs or none."""
    shared, dedicated = _sum(specs, "VCPU"), _sum(specs, "PCPU")
    if policy and (shared or dedicated):
        raise CannotHonour(
            "It is not possible to use the 'resources:VCPU' or 'resources:PCPU' extra specs in combination with the "
            "'hw:cpu_policy' extra spec or 'hw_cpu_policy' image metadata property; use one or the other"
        )
    if shared and dedicated:
        raise CannotHonour(
            "It is not possible to specify both 'resources:VCPU' and 'resources:PCPU' extra specs; use one or the other"
        )
    needed = vcpus + (emulator == "isolate")
    if dedicated and dedicated != needed:
        raise CannotHonour(
            f"{dedicated} PCPUs are requested by 'resources:PCPU', and this flavor needs exactly {needed}: one for "
            "each vCPU, and one more with 'hw:emulator_threads_policy=isolate'"
        )
    return "dedicated" if dedicated else policy


def _sum(specs: Mapping[str, str], resource_class: str) -> int:
    pattern = re.compile(rf"resources([1-9][0-9]*)?:{resource_class}")
    return sum(whole_number(value.strip()) or 0 for name, value in specs.items() if pattern.fullmatch(name))


def _dedicated(policy: str, vcpus: int, mask: str) -> frozenset[int]:
    if policy not in _PINNED:
        return frozenset()
    every = frozenset(range(vcpus))
    if policy == "dedicated":
        return every
    if not mask:
        raise CannotHonour("The 'mixed' CPU policy says which vCPUs are dedicated with 'hw:cpu_dedicated_mask'.")
    found = cpu_set(f"0-{vcpus - 1},{mask}" if mask.strip().startswith("^") else mask)
    if not found <= every:
        raise CannotHonour("Mixed instance dedicated vCPU(s) mask is not a subset of vCPUs in the flavor.")
    if not found or found == every:
        raise CannotHonour(
            "Mixed instance must have at least 1 pinned vCPU and 1 unpinned vCPU. See 'hw:cpu_dedicated_mask'."
        )
    return found


def _one_of(name: str, value: str, words: tuple[str, ...]) -> None:
    if value and value not in words:
        raise CannotHonour(f"{name}={value} cannot be honoured: it may be {', '.join(words)}.")


def cpu_set(text: str) -> frozenset[int]:
    """``0-3,^2,8`` (nova, hardware.parse_cpu_spec). Raises CannotHonour."""
    found: dict[bool, set[int]] = {True: set(), False: set()}
    for rule in (rule.strip() for rule in text.split(",")):
        matched = re.fullmatch(r"(\^?)\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?", rule)
        if not rule:
            continue
        if matched is None or (matched[3] and int(matched[3]) < int(matched[2])):
            raise CannotHonour(f"Invalid range expression {rule!r}")
        found[not matched[1]].update(range(int(matched[2]), int(matched[3] or matched[2]) + 1))
    return frozenset(found[True] - found[False])


# --- pages


def page_size_of(said: Said) -> str:
    """``large``, ``any``, KiB, or nothing for ordinary pages. Raises CannotHonour."""
    flavor, image = said.both("mem_page_size")
    if image and not flavor:
        raise CannotHonour(f"Page size {image} forbidden against '<empty>'")
    if image and flavor.lower() not in ("any", "large"):
        raise CannotHonour(f"Page size {image} forbidden against '{flavor}'")
    return _page_size(image or flavor)


def _page_size(text: str) -> str:
    word = text.lower()
    if word in ("", "small", "any", "large"):
        return "" if word == "small" else word
    matched = _SIZE.fullmatch(word)
    if matched is None:
        raise CannotHonour(f"Invalid memory page size '{text}'")
    kib = int(matched[1]) if word.isdigit() else round(int(matched[1]) * _KIB[matched[2]])
    if kib < 1:
        raise CannotHonour(f"Invalid memory page size '{text}'")
    return "" if kib == ORDINARY_PAGE_KIB else str(kib)


# --- cells


def cells_of(vcpus: int, ram: int, said: Said, cores: Cores, page_size: str) -> tuple[RequestedCell, ...]:
    """The guest's NUMA nodes; none where it needs none. Raises CannotHonour."""
    nodes = _node_count(said)
    if not (nodes or page_size or cores.policy in _PINNED):
        return ()
    cpus, memory = _by_hand(said, "numa_cpus"), _by_hand(said, "numa_mem")
    if cpus is None and memory is None:
        return _even(nodes or 1, vcpus, ram, cores.dedicated)
    if cpus is None or memory is None or not len(cpus) == len(memory) == (nodes or 1):
        raise CannotHonour("CPU and memory allocation must be provided for all NUMA nodes")
    return _manual(vcpus, ram, [cpu_set(one) for one in cpus], [_mib(one) for one in memory], cores.dedicated)


def _node_count(said: Said) -> int:
    flavor, image = said.both("numa_nodes")
    if flavor and image:
        raise CannotHonour(_overrides("hw_numa_nodes"))
    nodes = flavor or image
    if nodes and not 0 < (whole_number(nodes) or 0) <= _MOST_NODES:
        raise CannotHonour(f"The property 'numa_nodes' cannot be '{nodes}'. It must be a number greater than 0")
    return int(nodes or 0)


def _overrides(name: str) -> str:
    return f"Image property '{name}' is not permitted to override NUMA configuration set against the flavor"


def _by_hand(said: Said, name: str) -> list[str] | None:
    """What is said for each node, from the first on; None where nothing is."""
    flavor = _numbered(said.specs, f"hw:{name}.")
    image = _numbered(said.properties, f"hw_{name}.")
    if flavor and image:
        raise CannotHonour(_overrides(f"hw_{name}"))
    return flavor or image or None


def _numbered(said: Mapping[str, str], prefix: str) -> list[str]:
    numbers = sorted(int(name.removeprefix(prefix)) for name in said if re.fullmatch(re.escape(prefix) + r"\d+", name))
    if numbers != list(range(len(numbers))):
        raise CannotHonour("CPU and memory allocation must be provided for all NUMA nodes")
    return [said[f"{prefix}{number}"] for number in numbers]


def _mib(text: str) -> int:
    if not (mib := whole_number(text.strip())):
        raise CannotHonour(f"The memory of a NUMA node cannot be '{text}': it is a whole number of MB.")
    return mib


def _even(nodes: int, vcpus: int, ram: int, dedicated: frozenset[int]) -> tuple[RequestedCell, ...]:
    if vcpus % nodes or ram % nodes:
        raise CannotHonour(
            "Instance CPUs and/or memory cannot be evenly distributed across instance NUMA nodes. Explicit assignment "
            "of CPUs and memory to nodes is required"
        )
    each = vcpus // nodes
    return tuple(
        _cell(range(first, first + each), ram // nodes, dedicated) for first in range(0, vcpus, each)
    )  # fmt: skip


def _manual(
    vcpus: int, ram: int, cpus: list[frozenset[int]], memory: list[int], dedicated: frozenset[int]
) -> tuple[RequestedCell, ...]:
    free = set(range(vcpus))
    for cpu in (cpu for one in cpus for cpu in sorted(one)):
        if cpu >= vcpus:
            raise CannotHonour(f"CPU number {cpu} is larger than max {vcpus - 1}")
        if cpu not in free:
            raise CannotHonour(f"CPU number {cpu} is assigned to two nodes")
        free.remove(cpu)
    if free:
        raise CannotHonour(f"CPU number {free} is not assigned to any node")
    if sum(memory) != ram:
        raise CannotHonour(f"{sum(memory)} MB of memory assigned, but expected {ram} MB")
    return tuple(_cell(sorted(one), mib, dedicated) for one, mib in zip(cpus, memory, strict=True))


def _cell(cpus: range | list[int], memory: int, dedicated: frozenset[int]) -> RequestedCell:
    return RequestedCell(
        cpus=tuple(cpus), memory_mb=memory, dedicated=tuple(cpu for cpu in cpus if cpu in dedicated)
    )  # fmt: skip
