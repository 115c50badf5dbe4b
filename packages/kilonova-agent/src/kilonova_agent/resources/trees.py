"""The tree of this host, made of what the driver tells and what the operator says: pure (docs/decisions/0011).

    HOST              VCPU, MEMORY_MB, DISK_GB; PCPU and huge pages too where the nodes are no parts
     ├─ NUMA<N>       PCPU, NUMA_MEMORY_MB, CUSTOM_MEMORY_PAGES_<KiB>KB
     │   └─ NUMA<N>_<class>    devices of one kind at that node
     └─ <class>       devices of one kind at no node

What is reported is the inventory with its parts. What a guest gets is found again by *seats*: what of this machine each
provider stands for, by the id that a claim names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from kilonova_driver.soundness import faults
from kilonova_driver.types.guests import Feature
from kilonova_driver.types.inventory import Inventory, NumaNode, Part, PciDevice, Pool
from kilonova_messages.providers import provider_id

from kilonova_agent.errors import AgentError
from kilonova_agent.resources.devices import Kind, kinds_of, named_class
from kilonova_agent.resources.host_file import NAME, ExtraProvider, HostFile
from kilonova_agent.resources.processors import Cores, written

_HYPERTHREADING = "HW_CPU_HYPERTHREADING"
#: A node none of whose processors are shared: no cell whose processors are could run there.
_NO_SHARED = "CUSTOM_NO_SHARED_PROCESSORS"


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider stands for. ``node`` -1: the whole machine. ``processors`` are the dedicated ones of it."""

    node: int = -1
    processors: frozenset[int] = frozenset()
    devices: dict[str, tuple[PciDevice, ...]] = {}


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """What is reported, and what it stands for."""

    inventory: Inventory
    #: By provider id; the empty id is the host itself, as is its own.
    seats: dict[str, Seat]
    #: Every core, the processors that ordinary guests share where some are dedicated, and the nodes.
    cores: Cores = ()
    shared: frozenset[int] = frozenset()
    nodes: dict[int, frozenset[int]] = {}
    #: The classes that are PCI devices here, whether there is one now or not.
    device_classes: frozenset[str] = frozenset()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the tree is made of. ``disk_reserved_gb``: what the system and the image cache use; None: not measured."""

    inventory: Inventory
    features: frozenset[str] = frozenset()
    disk_reserved_gb: int | None = None


def make_tree(facts: Facts, said: HostFile, host_id: str) -> Tree:
    """Raises AgentError, naming the field of ``host.toml``, when it speaks of what this machine does not have."""
    inventory = facts.inventory
    _check(facts, said)
    as_parts = _nodes_are_parts(inventory, said)
    kinds = kinds_of(inventory.pci_devices, said.pci_devices, (node.number for node in as_parts))
    parts = [
        *(_node_part(node, inventory, said) for node in as_parts),
        *(kind.part(len(kinds[kind])) for kind in sorted(kinds)),
    ]
    root = msgspec.structs.replace(
        inventory,
        pools=(*_root_pools(facts, said), *(() if as_parts else _set_aside(inventory.nodes, said))),
        traits=tuple(sorted({*inventory.traits, *_core_traits(inventory, said), *_device_traits(facts)})),
        nodes=(),
        pci_devices=(),
        parts=(*inventory.parts, *parts),
    )
    whole = _with_extras(root, said.providers)
    if found := faults(whole):
        raise AgentError(f"{NAME}: {'; '.join(found)}")
    return Tree(
        inventory=whole,
        seats=_seats(whole, as_parts, kinds, said, host_id),
        cores=tuple(core for node in inventory.nodes for core in node.cores),
        shared=_shared(inventory, said) if said.dedicated or said.shared else frozenset(),
        nodes={node.number: frozenset(node.cpus) for node in inventory.nodes},
        device_classes=frozenset(
            [*(kind.resource_class for kind in kinds), *(named_class(rule) for rule in said.pci_devices)]
        ),
    )


def _check(facts: Facts, said: HostFile) -> None:
    known = _processors(facts.inventory)
    for field, processors in (("cpu_dedicated_set", said.dedicated), ("cpu_shared_set", said.shared)):
        if processors - known:
            raise AgentError(f"{NAME}: `{field}`: this machine has no processor {written(processors - known)}")
    if said.dedicated and Feature.PINNING not in facts.features:
        raise AgentError(f"{NAME}: `cpu_dedicated_set`: the driver cannot give a guest processors of its own here")
    if said.pci_devices and Feature.DEVICES not in facts.features:
        raise AgentError(f"{NAME}: `pci_devices`: the driver cannot hand devices to guests here (is there an IOMMU?)")
    classes = {pool.resource_class for pool in facts.inventory.pools}
    for field in ("allocation_ratios", "reserved"):
        if unknown := set(getattr(said, field)) - classes:
            raise AgentError(f"{NAME}: `{field}`: the host itself has no {', '.join(sorted(unknown))}")
    for pages in said.reserved_huge_pages:
        there = _pages(facts.inventory.nodes, pages.node).get(pages.size_kib, 0)
        if there < pages.count:
            raise AgentError(
                f"{NAME}: `reserved_huge_pages`: node {pages.node} has {there} pages of {pages.size_kib} KiB set aside"
            )


def _pages(nodes: Iterable[NumaNode], number: int) -> dict[int, int]:
    return {one.size_kib: one.total for node in nodes if node.number == number for one in node.huge_pages}


def _processors(inventory: Inventory) -> frozenset[int]:
    """Every processor; a driver that tells no nodes counts them from 0."""
    told = frozenset(cpu for node in inventory.nodes for cpu in node.cpus)
    return told or frozenset(range(_total(inventory, "VCPU")))


def _total(inventory: Inventory, resource_class: str) -> int:
    return sum(pool.total for pool in inventory.pools if pool.resource_class == resource_class)


def _shared(inventory: Inventory, said: HostFile) -> frozenset[int]:
    return said.shared or _processors(inventory) - said.dedicated


def _nodes_are_parts(inventory: Inventory, said: HostFile) -> tuple[NumaNode, ...]:
    """The nodes that can hold a NUMA cell: one without processors (an expander's memory) is near to nobody."""
    able = tuple(node for node in inventory.nodes if node.cores)
    wanted = said.numa == "on" or (said.numa == "auto" and len(able) > 1)
    return able if wanted else ()


# --- the host itself


def _root_pools(facts: Facts, said: HostFile) -> Iterator[Pool]:
    inventory = facts.inventory
    huge = sum(node.huge_pages_mib for node in inventory.nodes)
    for pool in inventory.pools:
        name = pool.resource_class
        total = len(_shared(inventory, said)) if name == "VCPU" and (said.dedicated or said.shared) else pool.total
        reserved = said.reserved.get(name, pool.reserved)
        if name == "DISK_GB" and name not in said.reserved and facts.disk_reserved_gb is not None:
            reserved = facts.disk_reserved_gb
        if name == "MEMORY_MB":
            reserved += huge
        if total:
            yield msgspec.structs.replace(
                pool,
                total=total,
                max_unit=min(pool.max_unit, total),
                reserved=min(reserved, total),
                allocation_ratio=said.allocation_ratios.get(name, pool.allocation_ratio),
            )


def _core_traits(inventory: Inventory, said: HostFile) -> Iterator[str]:
    """Hyper-threading of dedicated cores is told at the host, as Nova does."""
    cores = [core for node in inventory.nodes for core in node.cores]
    if any(len(core) > 1 and said.dedicated.intersection(core) for core in cores):
        yield _HYPERTHREADING


def _device_traits(facts: Facts) -> Iterator[str]:
    """Where sockets are told apart, devices can be had from the guest's own (``hw:pci_numa_affinity_policy``)."""
    if Feature.DEVICES in facts.features and any(node.socket >= 0 for node in facts.inventory.nodes):
        yield "COMPUTE_SOCKET_PCI_NUMA_AFFINITY"


# --- its parts


def _node_part(node: NumaNode, inventory: Inventory, said: HostFile) -> Part:
    ordinary = node.memory_mib - node.huge_pages_mib
    kept = min(_kept_mib(node, inventory, said), ordinary)
    memory = Pool(resource_class="NUMA_MEMORY_MB", total=ordinary, reserved=kept, max_unit=ordinary)
    socket = (f"CUSTOM_SOCKET_{node.socket}",) if node.socket >= 0 else ()
    unshared = () if _shared(inventory, said).intersection(node.cpus) else (_NO_SHARED,)
    pools = (*((memory,) if ordinary else ()), *_set_aside((node,), said))
    return Part(name=f"NUMA{node.number}", pools=pools, traits=("HW_NUMA_ROOT", *socket, *unshared))


def _kept_mib(node: NumaNode, inventory: Inventory, said: HostFile) -> int:
    """A node's share of the memory that the host keeps: a guest bound to the node cannot go elsewhere for its own."""
    whole = sum(one.memory_mib for one in inventory.nodes)
    kept = sum(pool.reserved for pool in inventory.pools if pool.resource_class == "MEMORY_MB")
    kept = said.reserved.get("MEMORY_MB", kept)
    return -(-kept * node.memory_mib // whole) if whole else 0


def _set_aside(nodes: tuple[NumaNode, ...], said: HostFile) -> Iterator[Pool]:
    """What these nodes have for one guest each: dedicated processors, huge pages by size."""
    told = frozenset(cpu for node in nodes for cpu in node.cpus)
    dedicated = len(said.dedicated & told if nodes else said.dedicated)
    if dedicated:
        yield Pool(resource_class="PCPU", total=dedicated, max_unit=dedicated)
    sizes = sorted({one.size_kib for node in nodes for one in node.huge_pages})
    for size in sizes:
        kept = sum(one.count for one in said.reserved_huge_pages if one.size_kib == size and _is_of(one.node, nodes))
        total = sum(_pages((node,), node.number).get(size, 0) for node in nodes)
        if whole := total * size // 1024:
            step = max(1, size // 1024)
            yield Pool(
                resource_class=f"CUSTOM_MEMORY_PAGES_{size}KB",
                total=whole,
                reserved=min(whole, -(-kept * size // 1024)),
                min_unit=step,
                step_size=step,
                max_unit=whole,
            )


def _is_of(number: int, nodes: Iterable[NumaNode]) -> bool:
    return any(node.number == number for node in nodes)


def _with_extras(root: Inventory, extras: Iterable[ExtraProvider]) -> Inventory:
    """The tree with what the operator adds. What the host tells itself cannot be said again: that is an error."""
    for extra in extras:
        pools = tuple(
            Pool(resource_class=name, **msgspec.structs.asdict(one)) for name, one in extra.inventories.items()
        )
        if not extra.name:
            traits = tuple(sorted({*root.traits, *extra.traits}))
            root = msgspec.structs.replace(root, pools=(*root.pools, *pools), traits=traits)
            continue
        known = next((part for part in root.parts if part.name == extra.name), None)
        if known is not None and extra.parent not in ("", known.parent):
            raise AgentError(f"{NAME}: `providers`: part {extra.name} is of {known.parent or 'the host itself'}")
        base = known or Part(name=extra.name, parent=extra.parent)
        part = msgspec.structs.replace(
            base, pools=(*base.pools, *pools), traits=tuple(sorted({*base.traits, *extra.traits}))
        )
        root = msgspec.structs.replace(root, parts=(*(one for one in root.parts if one is not known), part))
    return root


# --- what providers stand for


def _seats(
    inventory: Inventory, as_parts: Iterable[NumaNode], kinds: dict[Kind, list[PciDevice]], said: HostFile, host_id: str
) -> dict[str, Seat]:
    seats = {provider_id(host_id, part.name): Seat() for part in inventory.parts}
    seats[host_id] = seats[""] = Seat(processors=said.dedicated)
    for node in as_parts:
        seat = Seat(node=node.number, processors=said.dedicated.intersection(node.cpus))
        seats[provider_id(host_id, f"NUMA{node.number}")] = seat
    for kind, devices in kinds.items():
        seats[provider_id(host_id, kind.name)] = Seat(node=kind.node, devices={kind.resource_class: tuple(devices)})
    return seats
