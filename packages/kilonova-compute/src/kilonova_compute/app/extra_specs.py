"""Which extra specs make sense: those in a known namespace must be known, and have a value of the right kind.

The rules are the extra specs that nova documents (https://docs.openstack.org/nova/latest/configuration/extra-specs.html),
and the words are those of nova's ``api/validation/extra_specs``. What is in no known namespace is an operator's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import os_resource_classes
import os_traits
from kilonova_kit.errors import BadRequest

#: Raises BadRequest for a value of the wrong kind.
Check = Callable[[str], None]

_BOOLEANS = frozenset({"t", "true", "on", "y", "yes", "1", "f", "false", "off", "n", "no", "0"})
_CPU_SET = r"\^?\d+((-\d+)?(,\^?\d+(-\d+)?)?)*"
_GROUP = r"([a-zA-Z0-9_-]{1,64})?"


# --- kinds of values


def _text(value: str) -> None:
    """Anything."""


def _boolean(value: str) -> None:
    if value.strip().lower() not in _BOOLEANS:
        raise BadRequest(f"Validation failed; '{value}' is not a valid boolean-like value.")


def _number(least: int | None = None, most: int | None = None) -> Check:
    def check(value: str) -> None:
        try:
            number = int(value)
        except ValueError:
            raise BadRequest(f"Validation failed; '{value}' is not a valid integer value.") from None
        if most is not None and number > most:
            raise BadRequest(f"Validation failed; '{number}' is greater than the max value of '{most}'.")
        if least is not None and number < least:
            raise BadRequest(f"Validation failed; '{number}' is less than the min value of '{least}'.")

    return check


def _one_of(*words: str) -> Check:
    def check(value: str) -> None:
        if value not in words:
            raise BadRequest(f"Validation failed; '{value}' is not one of: {', '.join(words)}.")

    return check


def _like(pattern: str) -> Check:
    def check(value: str) -> None:
        if not re.fullmatch(pattern, value):
            raise BadRequest(f"Validation failed; '{value}' is not of the format '{pattern}'.")

    return check


_ANY_NUMBER, _WHOLE, _POSITIVE = _number(), _number(0), _number(1)

# --- what is known, by name and by pattern

_HARDWARE: dict[str, Check] = {
    "boot_menu": _boolean,
    "cpu_cores": _POSITIVE,
    "cpu_dedicated_mask": _like(_CPU_SET),
    "cpu_max_cores": _POSITIVE,
    "cpu_max_sockets": _POSITIVE,
    "cpu_max_threads": _POSITIVE,
    "cpu_policy": _one_of("dedicated", "shared", "mixed"),
    "cpu_realtime": _boolean,
    "cpu_realtime_mask": _like(r"(\^)?\d+((-\d+)?(,\^?\d+(-\d+)?)?)*"),
    "cpu_sockets": _POSITIVE,
    "cpu_thread_policy": _one_of("prefer", "isolate", "require"),
    "cpu_threads": _POSITIVE,
    "emulator_threads_policy": _one_of("isolate", "share"),
    "ephemeral_encryption": _boolean,
    "ephemeral_encryption_format": _one_of("plain", "luks", "luksv2"),
    "hide_hypervisor_id": _boolean,
    "locked_memory": _boolean,
    "mem_encryption": _boolean,
    "mem_encryption_model": _one_of("amd-sev", "amd-sev-es", "amd-sev-snp"),
    "mem_page_size": _like(r"(large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)"),
    "numa_nodes": _POSITIVE,
    "pci_numa_affinity_policy": _one_of("required", "preferred", "legacy", "socket"),
    "pmem": _like(r"([a-zA-Z0-9_]+(,)?)+"),
    "pmu": _boolean,
    "redirected_usb_ports": _number(0, 15),
    "serial_port_count": _WHOLE,
    "sound_model": _one_of("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio"),
    "tpm_model": _one_of("tpm-tis", "tpm-crb"),
    "tpm_secret_security": _one_of("user", "host", "deployment"),
    "tpm_version": _one_of("1.2", "2.0"),
    "usb_model": _one_of("none", "nec-xhci", "qemu-xhci"),
    "vif_multiqueue_enabled": _boolean,
    "viommu_model": _one_of("intel", "smmuv3", "virtio", "auto"),
    "virtio_packed_ring": _boolean,
    "watchdog_action": _one_of("none", "pause", "poweroff", "reset", "disabled"),
}

_OTHERS: dict[str, Check] = {
    "accel:device_profile": _text,
    "group_policy": _one_of("isolate", "none"),
    "hide_hypervisor_id": _boolean,
    "hw_rng:allowed": _boolean,
    "hw_rng:rate_bytes": _WHOLE,
    "hw_rng:rate_period": _WHOLE,
    "hw_video:ram_max_mb": _WHOLE,
    "os:secure_boot": _one_of("disabled", "required"),
    "pci_passthrough:alias": _like(r"[^:]+:\d+(?:\s*,\s*[^:]+:\d+)*"),
    "quota:cpu_period": _WHOLE,
    "quota:cpu_quota": _ANY_NUMBER,
    "quota:cpu_shares": _WHOLE,
    "vmware:hw_version": _text,
    "vmware:storage_policy": _text,
}

_CAPABILITIES = frozenset(
    re.findall(
        r"\w+",
        """
        id uuid service_id host vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used
        hypervisor_type hypervisor_version hypervisor_hostname free_ram_mb free_disk_gb current_workload
        running_vms disk_available_least host_ip mapped cpu_allocation_ratio ram_allocation_ratio
        disk_allocation_ratio total_usable_ram_mb total_usable_disk_gb disk_mb_used free_disk_mb vcpus_total
        num_instances num_io_ops failed_builds aggregates cell_uuid updated
        """,
    )
)
_NESTED_CAPABILITIES = (
    "cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools|nodename|pci_stats|"
    "supported_instances|limits|instances"
)

_PATTERNS: tuple[tuple[re.Pattern[str], Check], ...] = (
    (re.compile(r"hw:numa_cpus\.\d+"), _like(_CPU_SET)),
    (re.compile(r"hw:numa_mem\.\d+"), _POSITIVE),
    (re.compile(r"aggregate_instance_extra_specs:.+"), _text),
    (re.compile(rf"capabilities:({_NESTED_CAPABILITIES})(:\w+)*"), _text),
    (re.compile(rf"resources{_GROUP}:CUSTOM_[A-Z0-9_]+"), _ANY_NUMBER),
    (re.compile(rf"trait{_GROUP}:CUSTOM_[A-Z0-9_]+"), _one_of("required", "forbidden")),
)
_NAMESPACES = re.compile(
    rf"accel|aggregate_instance_extra_specs|capabilities|hw|hw_rng|hw_video|os|pci_passthrough|quota|vmware|"
    rf"resources{_GROUP}|trait{_GROUP}"
)
_RESOURCE = re.compile(rf"resources{_GROUP}:(?P<name>[A-Z0-9_]+)")
_TRAIT = re.compile(rf"trait{_GROUP}:(?P<name>[A-Z0-9_]+)")


def _quotas() -> Iterator[tuple[str, Check]]:
    for part in ("cpu", "memory", "disk_io", "vif"):
        yield f"quota:{part}_limit", _WHOLE
        yield f"quota:{part}_reservation", _ANY_NUMBER
        yield f"quota:{part}_shares_level", _one_of("custom", "high", "normal", "low")
        yield f"quota:{part}_shares_share", _WHOLE
    for verb in ("read", "write", "total"):
        for unit in ("bytes", "iops"):
            yield f"quota:disk_{verb}_{unit}_sec", _WHOLE
    for way in ("inbound", "outbound"):
        for measure in ("average", "peak", "burst"):
            yield f"quota:vif_{way}_{measure}", _WHOLE


@cache
def _known() -> dict[str, Check]:
    capabilities = {f"capabilities:{name}": _text for name in _CAPABILITIES}
    hardware = {f"hw:{name}": check for name, check in _HARDWARE.items()}
    return {**_OTHERS, **hardware, **capabilities, **dict(_quotas())}


@cache
def _standard_traits() -> frozenset[str]:
    return frozenset(name for name in dir(os_traits) if getattr(os_traits, name) == name)


def _check_for(name: str) -> Check | None:
    if check := _known().get(name):
        return check
    if (found := _RESOURCE.fullmatch(name)) and found["name"] in os_resource_classes.STANDARDS:
        return _ANY_NUMBER
    if (found := _TRAIT.fullmatch(name)) and found["name"] in _standard_traits():
        return _one_of("required", "forbidden")
    return next((check for pattern, check in _PATTERNS if pattern.fullmatch(name)), None)


def check_extra_spec(name: str, value: str) -> None:
    """Raise BadRequest for a known extra spec with a wrong value, and an unknown one in a known namespace."""
    if check := _check_for(name):
        check(value)
    elif ":" in name and _NAMESPACES.fullmatch(name.partition(":")[0]):
        raise BadRequest(f"Validation failed; extra spec '{name}' does not appear to be a valid extra spec.")
