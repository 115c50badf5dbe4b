"""What an operator may set: ``kilonova.toml`` in the cloud's folder, ``KILONOVA_*`` in the environment.

How a cloud is started (listen, driver, hosts, cells) are flags of ``kilonova up`` and remembered (``CloudState``);
what is here concerns the services. ``kilonova settings`` lists all with their meaning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from kilonova_compute.app.compute import Limits
from kilonova_compute.model.flavors_on_demand import OnDemand
from kilonova_compute.model.requested_devices import DeviceAlias
from kilonova_kit.settings import NOT_SETTINGS, SettingsError, load_settings
from kilonova_placement.app.own import criteria_of
from kilonova_placement.service import PlacementSettings
from msgspec import Meta

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder


class DatabaseSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where the databases are."""

    url: Annotated[
        str,
        Meta(description="With {name} for each database, as postgresql+psycopg://host/kilonova_{name}; empty: SQLite."),
    ] = ""


Service = Literal["identity", "image", "network", "placement"]
QuotaName = Literal[
    "instances", "cores", "ram", "key_pairs", "metadata_items", "server_groups", "server_group_members",
    "injected_files", "injected_file_content_bytes", "injected_file_path_bytes",
]  # fmt: skip


class ProjectSection(msgspec.Struct, frozen=True, kw_only=True):
    """What a project may have."""

    limits: Annotated[
        Literal["compute", "identity"],
        Meta(description="Who keeps limits: compute (quota sets, over what is below), or identity (unified limits)."),
    ] = "compute"
    quotas: Annotated[
        dict[QuotaName, Annotated[int, Meta(ge=-1)]],
        Meta(description="Of a project of which nothing else was said, by name, as instances = 10; -1: no limit."),
    ] = {}


class IdentitySection(msgspec.Struct, frozen=True, kw_only=True):
    """The identity service."""

    token_seconds: Annotated[int, Meta(ge=60, description="How long a token is valid.")] = 3600
    lockout_failures: Annotated[int, Meta(ge=0, description="Wrong passwords in a row that lock a user; 0: never.")] = 5


class ImageSection(msgspec.Struct, frozen=True, kw_only=True):
    """The image service."""

    largest_image: Annotated[int, Meta(ge=1, description="Bytes of one image.")] = 100 * 1024**3


class NetworkSection(msgspec.Struct, frozen=True, kw_only=True):
    """The network service."""

    mtu: Annotated[int, Meta(ge=1280, le=9216, description="Of new networks.")] = 1500


class PlacementSection(msgspec.Struct, frozen=True, kw_only=True):
    """The placement service."""

    multipliers: Annotated[
        dict[str, float], Meta(description="How much each weigher counts, by its name (docs/placement-choices.md).")
    ] = {}
    most: Annotated[
        dict[Literal["guests", "arriving"], Annotated[int, Meta(ge=0)]],
        Meta(description="How many guests a host may have, and how many arriving within a minute; 0: no limit."),
    ] = {}
    own: Annotated[
        tuple[str, ...], Meta(description="Constraints and weighers of your own, by entry point, in this order.")
    ] = ()


class BusSection(msgspec.Struct, frozen=True, kw_only=True):
    """The bus between controller and agents."""

    listen: Annotated[str, Meta(description="The address hosts reach it at.")] = "127.0.0.1"


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All sections."""

    database: DatabaseSection = DatabaseSection()
    project: ProjectSection = ProjectSection()
    identity: IdentitySection = IdentitySection()
    image: ImageSection = ImageSection()
    network: NetworkSection = NetworkSection()
    placement: PlacementSection = PlacementSection()
    bus: BusSection = BusSection()
    neighbours: Annotated[
        dict[Service, str],
        Meta(description="URLs of services that run elsewhere, also of a real Keystone, Glance or Neutron."),
    ] = {}
    flavors_on_demand: Annotated[
        dict[str, OnDemand],
        Meta(description="Bounds of flavors such as vcpus=3,ram=2500,disk=7, by project id; * for all others."),
    ] = {}
    device_aliases: Annotated[
        dict[str, DeviceAlias],
        Meta(description="Kinds of devices by the names that flavors ask for them with (pci_passthrough:alias)."),
    ] = {}
    policy: Annotated[dict[str, str], Meta(description="Policy name to rule, over the defaults.")] = {}

    @property
    def limits(self) -> Limits:
        return Limits(**self.project.quotas)


def operator_settings(root: Path, environ: Mapping[str, str] | None = None) -> OperatorSettings:
    """The settings of the cloud in this folder. Raises CloudError that names the key, its source and the fix."""
    file = root / "kilonova.toml"
    try:
        return load_settings(
            OperatorSettings,
            file=file if file.exists() else None,
            environ=os.environ if environ is None else environ,
            flags={},
            ignore=NOT_SETTINGS,
        )
    except SettingsError as error:
        raise CloudError(str(error)) from error


def database_url(operator: OperatorSettings, folder: CloudFolder, name: str) -> str:
    """The URL of one of the databases."""
    url = operator.database.url
    return url.replace("{name}", name) if url else folder.database(name)


def placement_settings(operator: OperatorSettings, folder: CloudFolder) -> PlacementSettings:
    """Placement's own settings, within a cloud and alone. Raises CloudError."""
    placement = operator.placement
    settings = PlacementSettings(
        database=database_url(operator, folder, "placement"),
        multipliers=placement.multipliers,
        most=placement.most,
        own=placement.own,
    )
    try:
        criteria_of(settings)
    except SettingsError as error:
        raise CloudError(str(error)) from error
    return settings
