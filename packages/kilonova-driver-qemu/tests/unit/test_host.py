"""What is read of the host, of QEMU's words, and of the settings."""

from __future__ import annotations

import os_traits
import pytest
from kilonova_driver.errors import DriverError, Internal, InvalidSpec, NoResources
from kilonova_driver_qemu import accelerator
from kilonova_driver_qemu.accelerator import long_mode_sector, parse_version, real_mode_sector
from kilonova_driver_qemu.diagnostics import parse_net_dev
from kilonova_driver_qemu.doctor import host_requirements
from kilonova_driver_qemu.failures import explain
from kilonova_driver_qemu.inventory import _CPU_TRAITS, pools, read_cpu, read_memory_mb, traits
from kilonova_driver_qemu.layout import firmware_uuid
from kilonova_driver_qemu.options import read_options

CPUINFO = """processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC
physical id\t: 0
cpu cores\t: 2
flags\t\t: fpu sse sse2 pni aes

processor\t: 1
physical id\t: 0
cpu cores\t: 2
"""


def test_the_processor_is_read() -> None:
    cpu = read_cpu(CPUINFO)
    assert (cpu.vendor, cpu.model) == ("AuthenticAMD", "AMD EPYC")
    assert (cpu.sockets, cpu.cores, cpu.threads) == (1, 2, 1)
    assert "sse2" in cpu.features


def test_every_trait_is_one_of_os_traits() -> None:
    known = set(os_traits.get_traits())
    assert set(traits(_CPU_TRAITS)) <= known
    assert "HW_CPU_X86_SSE3" in traits(["pni"])


def test_memory_is_in_mebibytes() -> None:
    assert read_memory_mb("MemFree: 1 kB\nMemTotal:       2048000 kB\n") == 2000


def test_pools_have_the_usual_ratios_and_never_reserve_more_than_there_is() -> None:
    found = {pool.resource_class: pool for pool in pools(cpus=2, memory_mb=256, disk_gb=10)}
    assert found["VCPU"].allocation_ratio == 4.0
    assert found["MEMORY_MB"].reserved == 256
    assert found["DISK_GB"].total == 10


def test_options_are_read_from_strings() -> None:
    options = read_options({"tcg_buffer_mib": "64", "sandbox": "false", "start_seconds": "2.5"})
    assert (options.tcg_buffer_mib, options.sandbox, options.start_seconds) == (64, False, 2.5)


@pytest.mark.parametrize("options", [{"acelerator": "kvm"}, {"accelerator": "xen"}, {"tcg_buffer_mib": "many"}])
def test_a_wrong_option_is_refused_by_name(options: dict[str, str]) -> None:
    with pytest.raises(InvalidSpec, match=next(iter(options))):
        read_options(options)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory", NoResources),
        ("qemu-img: /x: No space left on device", NoResources),
        ("Image is not in qcow2 format", InvalidSpec),
        ("unable to find CPU model 'Pentium9'", InvalidSpec),
        ("something quite new", Internal),
        ("", Internal),
    ],
)
def test_a_complaint_becomes_the_error_that_fits(said: str, kind: type[DriverError]) -> None:
    error = explain(said, "QEMU did not start")
    assert type(error) is kind
    assert said in error.message


@pytest.mark.parametrize(
    ("said", "version"),
    [("QEMU emulator version 7.2.22 (Debian 1:7.2)", (7, 2, 22)), ("QEMU emulator version 9.1", (9, 1, 0))],
)
def test_the_version_is_read(said: str, version: tuple[int, int, int]) -> None:
    assert parse_version(said) == version


class Device:
    """A device file."""

    def __init__(self, mode: int, gid: int) -> None:
        self.st_mode, self.st_gid = mode, gid

    def stat(self) -> Device:
        return self


@pytest.mark.parametrize(
    ("device", "groups"),
    [
        (Device(0o20660, 104), (104,)),  # as Debian has it
        (Device(0o20600, 0), ()),
        (Device(0o20660, 0), ()),  # root's group opens more than this
        (Device(0o20640, 104), ()),
    ],
)
def test_guests_are_in_the_group_that_may_use_kvm_and_never_in_roots(
    device: Device, groups: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", device)
    assert accelerator.kvm_groups() == groups


def test_no_version_is_the_drivers_own_fault() -> None:
    with pytest.raises(Internal):
        parse_version("Hello")


def test_probe_sectors_are_boot_sectors() -> None:
    for sector in (real_mode_sector(), long_mode_sector()):
        assert len(sector) == 512
        assert sector.endswith(b"\x55\xaa")


def test_network_counters_are_read() -> None:
    text = "Inter-| Receive\n face |bytes\n  tap0: 10 1 2 3 0 0 0 0 20 4 5 6 0 0 0 0\n"
    assert parse_net_dev(text)["tap0"][8] == 20


def test_a_guest_id_that_is_no_uuid_gets_one_always_the_same() -> None:
    assert firmware_uuid("6A1FF2A4-8B5D-4B5E-9E2F-0D3B8A8D3C11") == "6a1ff2a4-8b5d-4b5e-9e2f-0d3b8a8d3c11"
    assert firmware_uuid("web-1") == firmware_uuid("web-1") != firmware_uuid("web-2")


def test_what_is_missing_on_a_host_comes_with_a_way_to_mend_it() -> None:
    for requirement in host_requirements(probe=False):
        assert requirement.ok or requirement.mend
