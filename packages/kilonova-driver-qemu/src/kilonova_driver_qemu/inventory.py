"""What this host can give to guests: CPUs, memory and disk, its nodes and devices, what the driver can do.

Names are those of os-resource-classes and os-traits. Ratios and reserved amounts are the defaults of the compute
service (CPU ratio 4.0, memory and disk 1.0, 512 MB kept for the host); the operator's ``host.toml`` says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from kilonova_driver.errors import Internal
from kilonova_driver.types.inventory import INVENTORY_VERSION, Cpu, Inventory, Pool

from kilonova_driver_qemu.command_line import DISK_BUSES, NIC_MODELS
from kilonova_driver_qemu.machine import read_nodes, read_pci_devices

_GIB = 1 << 30
_CPU_RATIO = 4.0
_RESERVED_MEMORY_MB = 512

#: /proc/cpuinfo's flags whose trait has another name than the flag in capitals.
_CPU_TRAITS = {
    "3dnow": "3DNOW",
    "abm": "ABM",
    "aes": "AESNI",
    "avx": "AVX",
    "avx2": "AVX2",
    "avx512f": "AVX512F",
    "avx512cd": "AVX512CD",
    "avx512pf": "AVX512PF",
    "avx512er": "AVX512ER",
    "avx512vl": "AVX512VL",
    "avx512bw": "AVX512BW",
    "avx512dq": "AVX512DQ",
    "avx512_vnni": "AVX512VNNI",
    "avx512vbmi": "AVX512VBMI",
    "avx512ifma": "AVX512IFMA",
    "avx512_vbmi2": "AVX512VBMI2",
    "avx512_bitalg": "AVX512BITALG",
    "avx512_vpopcntdq": "AVX512VPOPCNTDQ",
    "bmi1": "BMI",
    "bmi2": "BMI2",
    "f16c": "F16C",
    "fma": "FMA3",
    "fma4": "FMA4",
    "gfni": "AVX512GFNI",
    "mmx": "MMX",
    "mpx": "MPX",
    "pclmulqdq": "CLMUL",
    "pcid": "INTEL_PCID",
    "pdpe1gb": "PDPE1GB",
    "pni": "SSE3",
    "rtm": "TSX",
    "sha_ni": "SHA",
    "sse": "SSE",
    "sse2": "SSE2",
    "sse4_1": "SSE41",
    "sse4_2": "SSE42",
    "sse4a": "SSE4A",
    "ssse3": "SSSE3",
    "stibp": "STIBP",
    "svm": "SVM",
    "tbm": "TBM",
    "vaes": "AVX512VAES",
    "vmx": "VMX",
    "vpclmulqdq": "AVX512VPCLMULQDQ",
    "xop": "XOP",
}
_TALENTS = (
    "COMPUTE_NODE",
    "COMPUTE_ARCH_X86_64",
    "COMPUTE_FIRMWARE_BIOS",
    "COMPUTE_GRAPHICS_MODEL_NONE",
    "COMPUTE_IMAGE_TYPE_QCOW2",
    "COMPUTE_IMAGE_TYPE_RAW",
    *(f"COMPUTE_NET_VIF_MODEL_{model.upper()}" for model in NIC_MODELS),
    *(f"COMPUTE_STORAGE_BUS_{bus.upper()}" for bus in DISK_BUSES),
    "HW_ARCH_X86_64",
)


def measure(state_dir: Path, version: tuple[int, int, int], sys: Path = Path("/sys")) -> Inventory:
    """Measure this host. ``version`` is QEMU's. Raises Internal when /proc cannot be read."""
    try:
        cpu = read_cpu(Path("/proc/cpuinfo").read_text())
        memory_mb = read_memory_mb(Path("/proc/meminfo").read_text())
        space = os.statvfs(state_dir)
    except OSError as error:
        raise Internal(f"this host cannot be measured: {error}") from error
    nodes = read_nodes(sys, memory_mb)
    cpus = sum(len(node.cpus) for node in nodes) or os.cpu_count() or 1  # a container may hide the nodes' own
    return Inventory(
        pools=pools(cpus, memory_mb, space.f_blocks * space.f_frsize // _GIB),
        traits=traits(cpu.features),
        cpu=cpu,
        hypervisor_type="QEMU",
        hypervisor_version=version[0] * 1_000_000 + version[1] * 1_000 + version[2],
        nodes=nodes,
        pci_devices=read_pci_devices(sys, nodes),
        version=INVENTORY_VERSION,
    )


def pools(cpus: int, memory_mb: int, disk_gb: int) -> tuple[Pool, ...]:
    """Make the three divisible pools; a reserved amount is never more than there is."""
    amounts = (
        ("VCPU", cpus, 0, _CPU_RATIO),
        ("MEMORY_MB", memory_mb, _RESERVED_MEMORY_MB, 1.0),
        ("DISK_GB", disk_gb, 0, 1.0),
    )
    return tuple(
        Pool(resource_class=name, total=total, reserved=min(reserved, total), max_unit=total, allocation_ratio=ratio)
        for name, total, reserved, ratio in amounts
        if total > 0
    )


def traits(flags: Iterable[str]) -> tuple[str, ...]:
    """Name the traits of a processor with these flags and of this driver, sorted."""
    found = {f"HW_CPU_X86_{_CPU_TRAITS[flag]}" for flag in flags if flag in _CPU_TRAITS}
    return tuple(sorted(found.union(_TALENTS)))


def read_memory_mb(meminfo: str) -> int:
    """Read the total of /proc/meminfo, in MiB."""
    for line in meminfo.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def read_cpu(cpuinfo: str) -> Cpu:
    """Read /proc/cpuinfo; the topology is that of the machine, or one socket where the kernel does not say."""
    processors = [_fields(block) for block in cpuinfo.split("\n\n") if block.strip()]
    if not processors:
        return Cpu()
    first, count = processors[0], len(processors)
    sockets = len({each.get("physical id", "0") for each in processors})
    cores = max(1, min(int(first.get("cpu cores", "1")), count))
    return Cpu(
        model=first.get("model name", ""),
        vendor=first.get("vendor_id", ""),
        features=tuple(sorted(first.get("flags", "").split())),
        sockets=sockets,
        cores=cores,
        threads=max(1, count // (sockets * cores)),
    )


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
