"""The command line of a guest, as a table of what must, and what must not, stand in it."""

from __future__ import annotations

import itertools
import json

import msgspec
import pytest
from kilonova_driver.errors import InvalidSpec, Unsupported
from kilonova_driver.types.guests import BaseImage, Disk, DiskFormat, GuestSpec, KernelBoot, Nic
from kilonova_driver_qemu.command_line import (
    Descriptors,
    DiskDescriptors,
    Host,
    check_spec,
    command_line,
    cpu_model,
)

GUEST_ID = "6a1ff2a4-8b5d-4b5e-9e2f-0d3b8a8d3c11"
BASE = BaseImage(path="/images/a", format=DiskFormat.QCOW2, digest="1", virtual_size_bytes=1 << 20)
ROOT = Disk(name="root", size_gib=1, base=BASE, boot_index=0)
NIC = Nic(port_id="p", mac="fa:16:3e:00:00:01", tap="tap0", mtu=1450)
SPEC = GuestSpec(guest_id=GUEST_ID, name="n", vcpus=2, memory_mib=512, disks=(ROOT,), nics=(NIC,))
HOST = Host(
    qemu="/usr/bin/qemu",
    accelerator="tcg",
    launcher=("/usr/bin/nsenter", "--"),
    tap_opener=("/usr/bin/open-taps",),
    rights_dropper=("/usr/bin/setpriv", "--"),
)
FILES = Descriptors(
    monitor=10, operator=11, serial=12, console=13, disks=(DiskDescriptors(overlay=14, base=15),), taps=(20,)
)


def nodes(words: list[str]) -> dict[str, dict[str, object]]:
    texts = [after for word, after in itertools.pairwise(words) if word == "-blockdev"]
    return {node["node-name"]: node for node in map(json.loads, texts)}


def values(words: list[str], option: str) -> list[str]:
    return [after for word, after in itertools.pairwise(words) if word == option]


def test_namespace_taps_and_rights_come_before_qemu_in_this_order() -> None:
    words = command_line(SPEC, HOST, FILES)
    assert words[:8] == [
        *("/usr/bin/nsenter", "--", "/usr/bin/open-taps", "20:tap0", "--", "/usr/bin/setpriv", "--"),
        "/usr/bin/qemu",
    ]


def test_without_network_interfaces_no_tap_is_opened() -> None:
    bare = msgspec.structs.replace(SPEC, nics=())
    words = command_line(bare, HOST, msgspec.structs.replace(FILES, taps=()))
    assert "/usr/bin/open-taps" not in words


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("-accel", "tcg,tb-size=32"),
        ("-cpu", "max"),
        ("-m", "size=512M"),
        ("-smp", "2,sockets=2,cores=1,threads=1"),
        ("-uuid", GUEST_ID),
        ("-netdev", "tap,id=net0,fd=20"),
        ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
    ],
)
def test_an_option_has_its_value(option: str, value: str) -> None:
    assert values(command_line(SPEC, HOST, FILES), option) == [value]


def test_two_monitors_and_the_serial_console_are_inherited_sockets() -> None:
    sockets = [text for text in values(command_line(SPEC, HOST, FILES), "-chardev") if ",fd=" in text]
    assert [text.split(",")[1:3] for text in sockets] == [
        ["id=monitor", "fd=10"],
        ["id=operator", "fd=11"],
        ["id=serial0", "fd=12"],
    ]


def test_the_base_is_read_only_and_followed_no_further() -> None:
    graph = nodes(command_line(SPEC, HOST, FILES))
    assert graph["root"]["backing"] == "root-base"
    assert graph["root-base"] == {
        "node-name": "root-base",
        "driver": "qcow2",
        "file": "root-base-file",
        "backing": None,
        "read-only": True,
    }
    assert graph["root-base-file"]["read-only"] is True
    assert graph["root-base-file"]["filename"] == "/dev/fdset/15"


def test_no_path_of_a_disk_stands_in_the_command_line() -> None:
    assert "/images" not in " ".join(command_line(SPEC, HOST, FILES))


def test_the_guest_knows_that_it_is_in_an_openstack_cloud() -> None:
    (text,) = values(command_line(SPEC, HOST, FILES), "-smbios")
    assert "product=OpenStack Compute" in text
    assert f"uuid={GUEST_ID}" in text


def test_a_network_interface_has_its_address_and_mtu_and_no_option_rom() -> None:
    devices = values(command_line(SPEC, HOST, FILES), "-device")
    assert "virtio-net-pci,id=nic0,netdev=net0,mac=fa:16:3e:00:00:01,romfile=,host_mtu=1450" in devices


def test_a_config_drive_is_a_read_only_cdrom() -> None:
    words = command_line(SPEC, HOST, msgspec.structs.replace(FILES, config_drive=30))
    assert nodes(words)["config-drive-file"]["read-only"] is True
    assert any(device.startswith("ide-cd,") for device in values(words, "-device"))


def test_a_kernel_is_booted_directly() -> None:
    kernel = KernelBoot(kernel_path="/k", ramdisk_path="/r", command_line="console=ttyS0")
    words = command_line(
        msgspec.structs.replace(SPEC, kernel=kernel), HOST, msgspec.structs.replace(FILES, kernel=31, ramdisk=32)
    )
    assert values(words, "-kernel") == ["/proc/self/fd/31"]
    assert values(words, "-initrd") == ["/proc/self/fd/32"]
    assert values(words, "-append") == ["console=ttyS0"]


@pytest.mark.parametrize("model", ["qemu64,+vmx", "qemu64,,+vmx", "max vendor=x", "max\n"])
def test_a_model_cannot_bring_features_of_its_own(model: str) -> None:
    with pytest.raises(InvalidSpec, match="processor model"):
        check_spec(msgspec.structs.replace(SPEC, cpu_model=model), frozenset())


def test_an_operators_model_may_have_features() -> None:
    assert cpu_model("qemu64,+vmx", "tcg") == "qemu64,+vmx"


@pytest.mark.parametrize(
    ("wished", "accelerator", "chosen"),
    [("", "kvm", "host"), ("host-passthrough", "tcg", "max"), ("Nehalem", "kvm", "Nehalem")],
)
def test_the_processor_is_the_best_unless_one_is_named(wished: str, accelerator: str, chosen: str) -> None:
    assert cpu_model(wished, accelerator) == chosen


@pytest.mark.parametrize(
    "changes",
    [
        {"vcpus": 0},
        {"memory_mib": 0},
        {"guest_id": "../x"},
        {"machine": "virt"},
        {"disks": (ROOT, ROOT)},
        {"disks": (msgspec.structs.replace(ROOT, name="a/b"),)},
        {"disks": (msgspec.structs.replace(ROOT, bus="floppy"),)},
        {"nics": (msgspec.structs.replace(NIC, model="ne2k"),)},
        {"nics": (msgspec.structs.replace(NIC, tap="tap0,script=/bin/sh"),)},
        {"nics": (msgspec.structs.replace(NIC, mac="fa:16"),)},
    ],
)
def test_an_impossible_spec_is_invalid(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidSpec):
        check_spec(msgspec.structs.replace(SPEC, **changes), frozenset())


@pytest.mark.parametrize("changes", [{"firmware": "uefi"}, {"required_features": ("sev",)}])
def test_what_is_not_advertised_is_unsupported(changes: dict[str, object]) -> None:
    with pytest.raises(Unsupported):
        check_spec(msgspec.structs.replace(SPEC, **changes), frozenset({"kernel_boot"}))


@pytest.mark.parametrize("machine", ["", "pc", "q35", "pc-i440fx-7.2", "pc-q35-7.2"])
def test_known_machines_pass(machine: str) -> None:
    check_spec(msgspec.structs.replace(SPEC, machine=machine), frozenset())


@pytest.mark.parametrize(
    "machine", ["pc-i440fx-7.2,dumpdtb=/tmp/x", "q35-7.2,initrd=/etc/passwd", "pc-i440fx 7", "q35-a\n"]
)
def test_a_machine_type_cannot_bring_options_of_its_own(machine):
    with pytest.raises(InvalidSpec):
        check_spec(msgspec.structs.replace(SPEC, machine=machine), frozenset())
