"""What a guest uses, for administrators: the hypervisor's own words before 2.48, one shape for all from then on."""

from __future__ import annotations

from typing import Any

import msgspec
from kilonova_driver.types.guests import Diagnostics
from kilonova_kit.http.operations import Call, NoQuery
from msgspec import structs

from kilonova_compute.api import versions
from kilonova_compute.api.servers import found
from kilonova_compute.app import server_diagnostics as app
from kilonova_compute.app.compute import Compute

_NO_RATES = {"rx_rate": None, "tx_rate": None}
#: What counters were called in the free form.
_OLD = {
    "rx_octets": "rx",
    "tx_octets": "tx",
    "read_bytes": "read",
    "write_bytes": "write",
    "read_requests": "read_req",
    "write_requests": "write_req",
    "errors_count": "errors",
}
_STATES = {"on": "running", "off": "shutdown", "paused": "paused", "crashed": "crashed"}


async def show(call: Call[Compute, None, NoQuery]) -> dict[str, Any]:
    diagnostics = await app.of(call.app, call.identity, await found(call))
    return _typed(diagnostics) if call.version >= versions.TYPED_DIAGNOSTICS else _plain(diagnostics)


def _typed(found: Diagnostics) -> dict[str, Any]:
    return {
        "state": _STATES.get(str(found.power), "pending"),
        "driver": found.driver if found.driver in ("libvirt", "xenapi", "vmwareapi", "hyperv", "ironic") else "libvirt",
        "hypervisor": found.hypervisor,
        "hypervisor_os": "linux",
        "uptime": found.uptime_seconds,
        "config_drive": found.config_drive,
        "num_cpus": found.vcpus,
        "num_nics": len(found.nics),
        "num_disks": len(found.disks),
        "cpu_details": [
            {"id": number, "time": spent, "utilisation": None} for number, spent in enumerate(found.cpu_time_ns)
        ],
        "nic_details": [{**_counters(nic, "mac"), "mac_address": nic.mac, **_NO_RATES} for nic in found.nics],
        "disk_details": [_counters(disk, "name") for disk in found.disks],
        "memory_details": {"maximum": found.memory_maximum_mib, "used": found.memory_used_mib},
    }


def _plain(found: Diagnostics) -> dict[str, Any]:
    """The free form of old, with the names that libvirt's guests had."""
    plain: dict[str, Any] = {
        "memory": found.memory_maximum_mib * 1024,
        "memory-actual": found.memory_maximum_mib * 1024,
        "memory-rss": found.memory_used_mib * 1024,
    }
    plain |= {f"cpu{number}_time": spent for number, spent in enumerate(found.cpu_time_ns)}
    for number, nic in enumerate(found.nics):
        plain |= {f"vnet{number}_{_OLD.get(name, name)}": n for name, n in _counters(nic, "mac").items()}
    for number, disk in enumerate(found.disks):
        letter = "abcdefghijklmnopqrstuvwxyz"[number % 26]
        plain |= {f"vd{letter}_{_OLD.get(name, name)}": n for name, n in _counters(disk, "name").items()}
    return plain


def _counters(counted: msgspec.Struct, but: str) -> dict[str, Any]:
    return {name: number for name, number in structs.asdict(counted).items() if name != but}
