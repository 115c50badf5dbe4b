"""PCI devices that guests may have, by kind: one provider with a count for those that nobody needs to tell apart.

A physical function whose virtual ones are given is not given itself: its owner would take theirs away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from kilonova_driver.types.inventory import Device, Part, PciDevice

from kilonova_agent.resources.host_file import DeviceRule, class_name, trait_name

#: How the classes of devices begin whose rule names none.
OF_DEVICES = "CUSTOM_PCI_"


class Kind(NamedTuple):
    """Devices that are alike to whoever asks. ``node`` is the NUMA node whose part theirs is below, -1 for none."""

    node: int
    resource_class: str
    traits: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of its part, always the same."""
        plain = self.resource_class.removeprefix("CUSTOM_")
        place = f"NUMA{self.node}_{plain}" if self.node >= 0 else plain
        mark = hashlib.sha256(",".join(self.traits).encode()).hexdigest()[:6]
        return f"{place}_{mark}" if self.traits else place

    def part(self, count: int) -> Part:
        """So many of it as a part of the host."""
        parent = f"NUMA{self.node}" if self.node >= 0 else ""
        device = Device(resource_class=self.resource_class, count=count)
        return Part(name=self.name, parent=parent, devices=(device,), traits=self.traits)


def kinds_of(
    devices: Iterable[PciDevice], rules: Iterable[DeviceRule], nodes: Iterable[int]
) -> dict[Kind, list[PciDevice]]:
    """The devices that the rules give, by kind, each in the order of addresses."""
    rules, known = tuple(rules), frozenset(nodes)
    given = {one.address: (one, rule) for one in devices if (rule := _rule_for(one, rules)) is not None}
    parents = {one.parent for one, _ in given.values()}
    found: dict[Kind, list[PciDevice]] = {}
    for address in sorted(given.keys() - parents):
        device, rule = given[address]
        node = device.numa_node if device.numa_node in known else -1
        found.setdefault(_kind(device, rule, node), []).append(device)
    return found


def named_class(rule: DeviceRule) -> str:
    """The class that a rule gives, as far as it says so without a device."""
    return class_name(rule.resource_class or f"{OF_DEVICES}{rule.vendor_id}_{rule.product_id}")


def _kind(device: PciDevice, rule: DeviceRule, node: int) -> Kind:
    word = rule.resource_class or f"{OF_DEVICES}{device.vendor_id}_{device.product_id}"
    return Kind(node, class_name(word), tuple(sorted({trait_name(trait) for trait in rule.traits})))


def _rule_for(device: PciDevice, rules: tuple[DeviceRule, ...]) -> DeviceRule | None:
    return next((rule for rule in rules if _fits(device, rule)), None)


def _fits(device: PciDevice, rule: DeviceRule) -> bool:
    address = rule.address.lower()
    if address.count(":") == 1:
        address = f"0000:{address}"
    return (
        rule.vendor_id.lower() in ("", device.vendor_id)
        and rule.product_id.lower() in ("", device.product_id)
        and (not address or fnmatchcase(device.address, address))
    )
