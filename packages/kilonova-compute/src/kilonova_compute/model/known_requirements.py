"""Every extra spec and image property that nova knows, and what becomes of it when a server is asked for.

Nothing that means something is silently ignored: it is honoured, or the server is refused with the reason, or it is
harmless, because what it asks for is so anyway or concerns what a server here does not have. What is not in this
table is somebody's own, and passes. The names are those of nova's documentation (configuration/extra-specs.rst) and of
``objects/image_meta.py``; ``docs/extra-specs.md`` is written from this table.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

import msgspec


class Source(enum.StrEnum):
    """Who says it."""

    FLAVOR = "extra spec"
    IMAGE = "image property"


class Fate(enum.StrEnum):
    """What becomes of it."""

    HONOURED = "honoured"
    REFUSED = "refused"
    HARMLESS = "harmless"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """``<…>`` in a name stands for any text. ``why`` says how it is honoured, why it is refused, or why it is harmless.

    ``passes``: of what is honoured, the only values (all of them where there are none); of what is refused, the values
    that ask for nothing special. Values are compared in small letters; ``false`` means every word for it.
    """

    source: Source
    name: str
    fate: Fate
    why: str
    passes: tuple[str, ...] = ()


_NO = ("false",)
_TOPOLOGY = "the sockets, cores and threads that the guest sees"
_MOST_TOPOLOGY = "bounds the sockets, cores and threads that the guest sees"
_REALTIME = "no host runs guests in real time"
_RATES = "no host limits or guarantees rates"
_ACCELERATORS = "there is no service for accelerators"
_DISPLAY = "servers have no graphical console"
_XEN = "it concerns hypervisors that no driver is for"

#: Named ``hw:NAME`` in flavors and ``hw_NAME`` in images: (name, why, values that pass). All else is refused.
_HARDWARE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("boot_menu", "guests boot without a menu", _NO),
    ("cpu_realtime", _REALTIME, _NO),
    ("cpu_realtime_mask", _REALTIME, ()),
    ("ephemeral_encryption", "local disks are not encrypted", _NO),
    ("ephemeral_encryption_format", "local disks are not encrypted", ()),
    ("hide_hypervisor_id", "guests may see what they run on", _NO),
    ("locked_memory", "the memory of guests is not locked", _NO),
    ("maxphysaddr_bits", "guests have the processor's own address width", ()),
    ("maxphysaddr_mode", "guests have the processor's own address width", ()),
    ("mem_encryption", "the memory of guests is not encrypted", _NO),
    ("mem_encryption_model", "the memory of guests is not encrypted", ()),
    ("pmu", "guests have the driver's own choice of a performance monitor", ()),
    ("redirected_usb_ports", "guests have no USB", ("0",)),
    ("serial_port_count", "guests have one serial port", ("1",)),
    ("sound_model", "guests have no sound", ()),
    ("tpm_model", "guests have no TPM", ()),
    ("tpm_secret_security", "guests have no TPM", ()),
    ("tpm_version", "guests have no TPM", ()),
    ("usb_model", "guests have no USB", ("none",)),
    ("vif_multiqueue_enabled", "network interfaces have one queue", _NO),
    ("viommu_model", "guests have no IOMMU", ()),
    ("virtio_packed_ring", "virtio devices have split rings", _NO),
    ("watchdog_action", "guests have no watchdog", ("disabled", "none")),
)

#: Named likewise, and honoured: (name, how). Both may say it where one does not override the other, as in nova.
_HONOURED_HARDWARE = (
    ("cpu_cores", _TOPOLOGY),
    ("cpu_max_cores", _MOST_TOPOLOGY),
    ("cpu_max_sockets", _MOST_TOPOLOGY),
    ("cpu_max_threads", _MOST_TOPOLOGY),
    ("cpu_policy", "dedicated, mixed: vCPUs with a core of their own (PCPU); shared: none"),
    ("cpu_sockets", _TOPOLOGY),
    ("cpu_thread_policy", "of dedicated cores: only hosts with hyper-threading (require), or without it (isolate)"),
    ("cpu_threads", _TOPOLOGY),
    (
        "mem_page_size",
        "large, any, or a size: huge pages of a node, claimed instead of ordinary memory; small: ordinary",
    ),
    ("numa_cpus.<N>", "the vCPUs of a NUMA node of the guest"),
    ("numa_mem.<N>", "the memory of a NUMA node of the guest, in MB"),
    ("numa_nodes", "so many NUMA nodes of the guest, each on a node of the host of its own"),
    ("pci_numa_affinity_policy", "how near devices must be to the NUMA nodes that the guest is on"),
)

_REFUSED_SPECS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("accel:device_profile", _ACCELERATORS, ()),
    ("capabilities:<key>", "hosts are told apart by traits: use trait:…=required", ()),
    ("hide_hypervisor_id", "guests may see what they run on", _NO),
    ("hw:pmem", "hosts have no persistent memory to give", ()),
    ("hw_rng:rate_bytes", _RATES, ()),
    ("hw_rng:rate_period", _RATES, ()),
    ("os:secure_boot", "guests boot with a BIOS", ("disabled",)),
    ("quota:<what>", _RATES, ()),
)

_HARMLESS_SPECS = (
    ("hw_rng:allowed", "every guest has a random number generator"),
    ("hw_video:ram_max_mb", "it bounds what images may ask for, and " + _DISPLAY),
    ("vmware:<key>", _XEN),
)

_HONOURED_SPECS = (
    (
        "resources:<CLASS>",
        "claimed instead of the flavor's own amount; 0 claims nothing. VCPU, MEMORY_MB, DISK_GB, CUSTOM_…; PCPU: "
        "dedicated cores, one for each vCPU",
    ),
    (
        "device:<CLASS or alias>",
        "so many devices of a class CUSTOM_…, or of an operator's alias, wherever they are in a host",
    ),
    ("group_policy", "isolate: each granular group from a provider of its own; none: they may share"),
    ("hw:cpu_dedicated_mask", "with cpu_policy=mixed: the vCPUs with a core of their own"),
    ("hw:emulator_threads_policy", "isolate: one more dedicated core for what is not a vCPU; share: the shared cores"),
    ("pci_passthrough:alias", "devices of operators' aliases (device_aliases in kilonova.toml), handed to the guest"),
    ("resources<group>:<CLASS>", "a granular group: all of it from one provider. VCPU, MEMORY_MB, DISK_GB, CUSTOM_…"),
    ("trait<group>:<TRAIT>", "of a granular group: its provider must have the trait, or must not"),
    ("aggregate_instance_extra_specs:<key>", "only hosts whose aggregates have the key with such a value"),
    ("kilonova:machine", "a whole machine of a class CUSTOM_…, all of it; the flavor's amounts are the least it has"),
    ("kilonova:preferred_traits", "hosts with more of these traits, with commas between them, are better"),
    ("trait:<TRAIT>", "required: only hosts with the trait; forbidden: only hosts without it"),
)

_REFUSED_PROPERTIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("bdm_v2", "servers start from images, not from volumes", _NO),
    ("block_device_mapping", "servers start from images, not from volumes", ("", "[]")),
    ("hw_emulation_architecture", "no other processor is emulated", ("x86_64",)),
    ("hw_firmware_stateless", "guests boot with a BIOS", _NO),
    ("hw_firmware_type", "guests boot with a BIOS", ("bios",)),
    ("hw_ipxe_boot", "guests do not boot from the network", _NO),
    ("hw_rng_model", "the random number generator is virtio", ("virtio",)),
    ("hw_scsi_model", "a SCSI controller is virtio-scsi", ("virtio-scsi",)),
    ("hw_vm_mode", "guests are fully virtualised", ("hvm",)),
    ("hypervisor_type", "the hosts are of another type", ("qemu", "kvm")),
    ("hypervisor_version_requires", "hosts are not told apart by the version of their hypervisor", ()),
    ("img_bdm_v2", "servers start from images, not from volumes", _NO),
    ("img_block_device_mapping", "servers start from images, not from volumes", ("", "[]")),
    ("img_hide_hypervisor_id", "guests may see what they run on", _NO),
    ("img_hv_requested_version", "hosts are not told apart by the version of their hypervisor", ()),
    ("img_hv_type", "the hosts are of another type", ("qemu", "kvm")),
    ("kernel_id", "guests boot from their disk, not from a kernel beside it", ("",)),
    ("os_command_line", "guests boot from their disk, not from a kernel beside it", ("",)),
    ("os_secure_boot", "guests boot with a BIOS", ("optional", "disabled")),
    ("ramdisk_id", "guests boot from their disk, not from a kernel beside it", ("",)),
    ("vm_mode", "guests are fully virtualised", ("hvm",)),
)

_HARMLESS_PROPERTIES = (
    ("auto_disk_config", "a guest grows its own file system"),
    ("hw_auto_disk_config", "a guest grows its own file system"),
    ("hw_cdrom_bus", "the driver chooses where a config drive is"),
    ("hw_device_id", _XEN),
    ("hw_disk_type", _XEN),
    ("hw_floppy_bus", "guests have no floppy disks"),
    ("hw_input_bus", _DISPLAY),
    ("hw_pointer_model", _DISPLAY),
    ("hw_qemu_guest_agent", "nothing is asked of an agent in the guest"),
    ("hw_rescue_bus", "it concerns rescuing, not creating"),
    ("hw_rescue_device", "it concerns rescuing, not creating"),
    ("hw_video_model", _DISPLAY),
    ("hw_video_ram", _DISPLAY),
    ("img_bittorrent", _XEN),
    ("img_cache_in_nova", "hosts keep every image while they need it"),
    ("img_compression_level", _XEN),
    ("img_linked_clone", _XEN),
    ("img_mappings", "it names devices for the guest's own use"),
    ("img_owner_id", "it says whose the image is"),
    ("img_root_device_name", "the root disk is the first one"),
    ("img_signature<…>", "an image is checked by its digest on every host"),
    ("img_use_agent", _XEN),
    ("img_version", "it says how the image was made"),
    ("mappings", "it names devices for the guest's own use"),
    ("os_admin_user", "it concerns changing a password, not creating"),
    ("os_distro", "guests get the same devices whatever they run"),
    ("os_require_quiesce", "it concerns snapshots, not creating"),
    ("os_skip_agent_inject_files_at_boot", _XEN),
    ("os_skip_agent_inject_ssh", _XEN),
    ("os_type", "guests get the same devices whatever they run"),
    ("os_version", "guests get the same devices whatever they run"),
    ("root_device_name", "the root disk is the first one"),
    ("vmware_<key>", _XEN),
    ("xenapi_<key>", _XEN),
)

_ARCHITECTURES = ("x86_64", "amd64", "i686", "i386", "aarch64", "armv7l", "ppc64", "ppc64le", "riscv64", "s390x")
_ARCHITECTURE = "the host must be able to run it: the trait HW_ARCH_… where it is not x86"
_HONOURED_PROPERTIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("architecture", _ARCHITECTURE, _ARCHITECTURES),
    ("hw_architecture", _ARCHITECTURE, _ARCHITECTURES),
    ("hw_disk_bus", "the bus of the local disks", ("virtio", "scsi", "ide")),
    ("hw_machine_type", "the machine that the guest sees", ("pc", "q35")),
    ("hw_vif_model", "the model of the network interfaces", ("virtio", "e1000", "e1000e", "rtl8139", "vmxnet3")),
    ("img_config_drive", "mandatory: the server has a config drive, asked for or not", ("mandatory", "optional")),
    ("trait:<TRAIT>", "only hosts with the trait", ("required",)),
)


def _rules() -> Iterator[Rule]:
    flavor, image = Source.FLAVOR, Source.IMAGE
    honoured, refused, harmless = Fate.HONOURED, Fate.REFUSED, Fate.HARMLESS
    for name, why in _HONOURED_SPECS:
        yield Rule(source=flavor, name=name, fate=honoured, why=why)
    for name, why, passes in _HONOURED_PROPERTIES:
        yield Rule(source=image, name=name, fate=honoured, why=why, passes=passes)
    for name, why in _HONOURED_HARDWARE:
        yield Rule(source=flavor, name=f"hw:{name}", fate=honoured, why=why)
        yield Rule(source=image, name=f"hw_{name}", fate=honoured, why=why)
    for name, why, passes in _HARDWARE:
        yield Rule(source=flavor, name=f"hw:{name}", fate=refused, why=why, passes=passes)
        yield Rule(source=image, name=f"hw_{name}", fate=refused, why=why, passes=passes)
    for source, group in ((flavor, _REFUSED_SPECS), (image, _REFUSED_PROPERTIES)):
        for name, why, passes in group:
            yield Rule(source=source, name=name, fate=refused, why=why, passes=passes)
    for source, known in ((flavor, _HARMLESS_SPECS), (image, _HARMLESS_PROPERTIES)):
        for name, why in known:
            yield Rule(source=source, name=name, fate=harmless, why=why)


#: In the order in which they are looked for: what is honoured comes before a pattern that would refuse it.
RULES: tuple[Rule, ...] = tuple(_rules())
