"""A flavor: the size of a server, by a name and an id that users choose it with."""

from __future__ import annotations

import msgspec

from kilonova_compute.model.servers import FlavorSnapshot


class Flavor(msgspec.Struct, frozen=True, kw_only=True):
    """RAM and swap in MiB, disks in GiB. ``projects`` may use it although it is not public."""

    flavor_id: str
    name: str
    ram: int
    vcpus: int
    disk: int
    number: int = 0  # the order in which flavors were made
    ephemeral: int = 0
    swap: int = 0
    rxtx_factor: float = 1.0
    is_public: bool = True
    description: str | None = None
    extra_specs: dict[str, str] = {}
    projects: tuple[str, ...] = ()
    created_at: float = 0.0
    updated_at: float | None = None

    def usable_by(self, project_id: str | None) -> bool:
        return self.is_public or (project_id is not None and project_id in self.projects)

    @property
    def snapshot(self) -> FlavorSnapshot:
        """The flavor as a server remembers it."""
        return FlavorSnapshot(
            flavor_id=self.flavor_id,
            name=self.name,
            vcpus=self.vcpus,
            ram=self.ram,
            disk=self.disk,
            ephemeral=self.ephemeral,
            swap=self.swap,
            rxtx_factor=self.rxtx_factor,
            extra_specs=self.extra_specs,
            description=self.description,
        )


class FlavorFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Every condition must hold; None means "any"."""

    is_public: bool | None = None
    min_ram: int | None = None
    min_disk: int | None = None
    name_pattern: str | None = None


#: Sort keys by their public names, with the field that each means.
SORT_FIELDS = {
    "created_at": "created_at",
    "description": "description",
    "disabled": "number",
    "ephemeral_gb": "ephemeral",
    "flavorid": "flavor_id",
    "id": "number",
    "is_public": "is_public",
    "memory_mb": "ram",
    "name": "name",
    "root_gb": "disk",
    "rxtx_factor": "rxtx_factor",
    "swap": "swap",
    "updated_at": "updated_at",
    "vcpu_weight": "number",
    "vcpus": "vcpus",
}
