"""What the operator says of this host, in ``host.toml`` beside ``agent.toml``; without one the driver's word stands.

    numa = "auto"                      # NUMA nodes as parts of the host: "on", "off"; auto: where there are several
    cpu_dedicated_set = "2-7"          # one guest's each (PCPU), for those that ask; all others share the rest
    cpu_shared_set = "0-1"             # where fewer than the rest are shared (VCPU)

    [allocation_ratios]                # by resource class
    VCPU = 16.0

    [reserved]                         # kept from guests, by resource class; DISK_GB: else what others use is measured
    MEMORY_MB = 4096

    [[reserved_huge_pages]]            # of those that the kernel has set aside
    node = 0
    size_kib = 2048
    count = 64

    [[pci_devices]]                    # given to guests: by ids, address (with *), or both; the first that fits counts
    vendor_id = "10de"
    product_id = "1db6"
    address = "0000:3b:*.*"
    resource_class = "GPU_V100"        # else CUSTOM_PCI_10DE_1DB6
    traits = ["nvlink"]                # CUSTOM_NVLINK

    [[providers]]                      # anything else: of the host itself, of a part, or of a new part
    name = "rack"                      # without a name: the host
    parent = ""
    traits = ["CUSTOM_LIQUID_COOLED"]
    [providers.inventories]
    CUSTOM_LICENSE = { total = 10, max_unit = 1 }

Read once, at the agent's start. An error names the file and the field.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from kilonova_driver.soundness import STANDARD_CLASSES, is_class, is_trait

from kilonova_agent.errors import AgentError
from kilonova_agent.resources.processors import read_processors

NAME = "host.toml"
_HEXADECIMAL = re.compile(r"[0-9a-f]{4}")
_ADDRESS = re.compile(r"([0-9a-f*]{1,4}:)?[0-9a-f*]{1,2}:[0-9a-f*]{1,2}\.[0-7*]")
_MOST = 2**53
_LARGEST_RATIO = 1_000_000
Whole = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
Ratio = Annotated[float, msgspec.Meta(gt=0, le=_LARGEST_RATIO)]


class ReservedPages(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pages that the host keeps for itself."""

    node: Whole
    size_kib: Positive
    count: Positive


class DeviceRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which PCI devices guests may have, and as what."""

    vendor_id: str = ""
    product_id: str = ""
    address: str = ""
    resource_class: str = ""
    traits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.vendor_id or self.product_id or self.address):
            raise ValueError("`vendor_id`, `product_id` or `address` says which devices are meant: none is given")
        for field in ("vendor_id", "product_id"):
            if getattr(self, field) and not _HEXADECIMAL.fullmatch(getattr(self, field).lower()):
                raise ValueError(f"`{field}` is four hexadecimal digits, not {getattr(self, field)!r}")
        if self.address and not _ADDRESS.fullmatch(self.address.lower()):
            raise ValueError(f"`address` is like 0000:3b:00.0, with * for anything, not {self.address!r}")


class ExtraInventory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An amount that no driver knows of."""

    total: Positive
    reserved: Whole = 0
    min_unit: Positive = 1
    max_unit: Whole = 0
    step_size: Positive = 1
    allocation_ratio: Ratio = 1.0


class ExtraProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is added to the host, to a part, or as a new part."""

    name: str = ""
    parent: str = ""
    inventories: dict[str, ExtraInventory] = {}
    traits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.parent and not self.name:
            raise ValueError("`parent` is of a part, and a part has a `name`")
        for name in self.inventories:
            if not is_class(name):
                raise ValueError(f"`inventories`: {name!r} is no resource class; one's own begin with CUSTOM_")


class HostFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    numa: Literal["auto", "on", "off"] = "auto"
    cpu_dedicated_set: str = ""
    cpu_shared_set: str = ""
    allocation_ratios: dict[str, float] = {}
    reserved: dict[str, int] = {}
    reserved_huge_pages: tuple[ReservedPages, ...] = ()
    pci_devices: tuple[DeviceRule, ...] = ()
    providers: tuple[ExtraProvider, ...] = ()

    def __post_init__(self) -> None:
        for field in ("cpu_dedicated_set", "cpu_shared_set"):
            self._processors(field)
        both = self.dedicated & self.shared
        if both:
            raise ValueError(f"`cpu_dedicated_set` and `cpu_shared_set` both have processor {min(both)}")
        for name, ratio in self.allocation_ratios.items():
            if not 0 < ratio <= _LARGEST_RATIO:
                raise ValueError(f"`allocation_ratios`: {name} is above 0, up to {_LARGEST_RATIO}, not {ratio}")
        for name, amount in self.reserved.items():
            if not 0 <= amount <= _MOST:
                raise ValueError(f"`reserved`: {name} is a whole number from 0, not {amount}")
        if "PCPU" in self.allocation_ratios:
            raise ValueError("`allocation_ratios`: a dedicated processor (PCPU) is one guest's only")

    @property
    def dedicated(self) -> frozenset[int]:
        """The processors set aside; empty when none are."""
        return self._processors("cpu_dedicated_set")

    @property
    def shared(self) -> frozenset[int]:
        """The processors said to be shared; empty when nothing was said."""
        return self._processors("cpu_shared_set")

    def _processors(self, field: str) -> frozenset[int]:
        try:
            return read_processors(getattr(self, field)) if getattr(self, field) else frozenset()
        except ValueError as error:
            raise ValueError(f"`{field}`: {error}") from None


def read_host_file(data_dir: Path) -> HostFile:
    """Read the file of this host; defaults where there is none. Raises AgentError."""
    path = data_dir / NAME
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return HostFile()
    except OSError as error:
        raise AgentError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AgentError(f"{path} is not TOML: {error}") from error
    try:
        return msgspec.convert(written, HostFile)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        where = f" (at `{place.lstrip('.')})" if place else ""
        raise AgentError(f"{path}: {words}{where}") from error


def class_name(word: str) -> str:
    """A resource class as operators may write it: ``gpu-v100`` is ``CUSTOM_GPU_V100``."""
    name = _plain(word)
    return name if name in STANDARD_CLASSES or name.startswith("CUSTOM_") else f"CUSTOM_{name}"


def trait_name(word: str) -> str:
    """A trait as operators may write it; names of the public families stay."""
    name = _plain(word)
    return name if is_trait(name) else f"CUSTOM_{name}"


def _plain(word: str) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", word.upper())
