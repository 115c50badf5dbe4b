"""What extra specs and image properties ask for: honoured, refused with the reason, or harmless."""

import pytest
from kilonova_compute.app.extra_specs import _known
from kilonova_compute.model.cannot_honour import CannotHonour
from kilonova_compute.model.known_requirements import RULES, Fate, Source
from kilonova_compute.model.requirements import (
    Requirements,
    amounts_of,
    requirements_of,
    rule_for,
)


@pytest.mark.parametrize(
    ("specs", "properties", "asked"),
    [
        ({}, {}, Requirements()),
        (
            {"trait:CUSTOM_B": "required", "trait:CUSTOM_A": "Required", "trait:CUSTOM_C": "forbidden"},
            {"trait:CUSTOM_I": "required"},
            Requirements(
                required_traits=("CUSTOM_A", "CUSTOM_B"), forbidden_traits=("CUSTOM_C",), image_traits=("CUSTOM_I",)
            ),
        ),
        (
            {"resources:VCPU": "2", "resources:DISK_GB": "0", "resources:CUSTOM_GPU": "4"},
            {},
            Requirements(resources={"VCPU": 2, "DISK_GB": 0, "CUSTOM_GPU": 4}),
        ),
        ({"kilonova:machine": "CUSTOM_LARGE"}, {}, Requirements(machine="CUSTOM_LARGE")),
        ({}, {"architecture": "aarch64"}, Requirements(image_traits=("HW_ARCH_AARCH64",))),
        ({}, {"architecture": "x86_64", "hw_disk_bus": "scsi", "hw_machine_type": "pc-q35-7.2"}, Requirements()),
        ({}, {"img_config_drive": "mandatory"}, Requirements(config_drive=True)),
        ({}, {"img_config_drive": "optional"}, Requirements()),
    ],
)
def test_what_is_honoured_becomes_typed(specs: dict[str, str], properties: dict[str, str], asked: Requirements) -> None:
    assert requirements_of(specs, properties) == asked


@pytest.mark.parametrize(
    "specs",
    [
        {"hw_rng:allowed": "true", "hw:cpu_policy": "shared", "hw:mem_page_size": "small"},
        {"hw:boot_menu": "No", "hw:mem_encryption": "0", "os:secure_boot": "disabled", "group_policy": "none"},
        {"own": "5", "vendor:colour": "red", "fake:fail": "ensure_guest:no_resources", "hw:unheard_of": "1"},
    ],
)
def test_harmless_extra_specs_pass(specs: dict[str, str]) -> None:
    assert requirements_of(specs, {}) == Requirements()


@pytest.mark.parametrize(
    "properties",
    [
        {"hw_disk_bus": "virtio", "hw_rng_model": "virtio", "os_distro": "ubuntu", "os_type": "linux"},
        {"hw_qemu_guest_agent": "yes", "hw_video_model": "qxl", "hw_scsi_model": "virtio-scsi", "hw_vm_mode": "hvm"},
        {"base_image_ref": "x", "image_type": "snapshot", "owner_specified.openstack.md5": "", "hw_own": "1"},
        {"hw_rescue_bus": "scsi", "os_secure_boot": "optional", "kernel_id": "", "hw_firmware_type": "bios"},
    ],
)
def test_harmless_image_properties_pass(properties: dict[str, str]) -> None:
    assert requirements_of({}, properties) == Requirements()


@pytest.mark.parametrize(
    ("specs", "properties", "words"),
    [
        ({"quota:disk_read_bytes_sec": "10"}, {}, "no host limits"),
        ({"accel:device_profile": "x"}, {}, "no service for accelerators"),
        ({"hw:cpu_realtime": "true"}, {}, "in real time"),
        ({"capabilities:hypervisor_type": "x"}, {}, "use trait:"),
        ({"resources:VGPU": "1"}, {}, "guests get VCPU"),
        ({"resources:VCPU": "-1"}, {}, "no whole number"),
        ({"trait:CUSTOM_A": "perhaps"}, {}, "'required' or 'forbidden'"),
        ({"trait:CUSTOM_A": "forbidden"}, {"trait:CUSTOM_A": "required"}, "CUSTOM_A are required and forbidden"),
        ({}, {"trait:CUSTOM_A": "forbidden"}, "image property trait:CUSTOM_A=forbidden cannot be honoured: it may be"),
        ({"kilonova:machine": "large"}, {}, "no CUSTOM_… class"),
        ({"kilonova:machine": "CUSTOM_A", "device:CUSTOM_B": "1"}, {}, "not asked for together with"),
        ({}, {"hw_disk_bus": "sata"}, "it may be virtio, scsi, ide"),
        ({}, {"hw_firmware_type": "uefi"}, "boot with a BIOS"),
        ({}, {"os_secure_boot": "required"}, "boot with a BIOS"),
        ({}, {"architecture": "sparc"}, "it may be x86_64"),
        ({}, {"hw_machine_type": "pcx"}, "it may be pc, q35"),
    ],
)
def test_what_cannot_be_honoured_is_named_with_the_reason(
    specs: dict[str, str], properties: dict[str, str], words: str
) -> None:
    with pytest.raises(CannotHonour) as caught:
        requirements_of(specs, properties)
    assert words in str(caught.value)


def test_overrides_replace_amounts_and_zero_removes_them() -> None:
    own = {"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 0}
    assert amounts_of(own, {"VCPU": 0, "CUSTOM_X": 2}) == {"MEMORY_MB": 64, "CUSTOM_X": 2}


def test_every_extra_spec_that_the_api_knows_is_in_the_table() -> None:
    assert [name for name in _known() if rule_for(Source.FLAVOR, name) is None] == []


def test_every_rule_has_a_reason_and_decides_for_its_own_name() -> None:
    names = [(rule.source, rule.name) for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule.why
        assert rule_for(rule.source, rule.name.replace("<", "").replace(">", "")) == rule
        assert not (rule.fate is Fate.HARMLESS and rule.passes)
