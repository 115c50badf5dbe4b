"""The parameters of ``GET /servers`` and ``/servers/detail`` (nova, schemas/servers.py, ``index_query``).

Every one may be repeated; the last one counts, but for ``sort_key``, ``sort_dir`` and ``status``.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from kilonova_kit.http.versioned import since


class ServerQuery(msgspec.Struct, frozen=True, kw_only=True):
    """All that the API knows, whether or not it filters anything."""

    limit: list[str] = []
    marker: list[str] = []
    sort_key: list[str] = []
    sort_dir: list[str] = []
    all_tenants: list[str] = []
    status: list[str] = []
    deleted: list[str] = []
    soft_deleted: list[str] = []
    changes_since: list[str] = msgspec.field(name="changes-since", default_factory=list)
    changes_before: Annotated[list[str], since(2, 66)] = msgspec.field(name="changes-before", default_factory=list)
    tags: Annotated[list[str], since(2, 26)] = []
    tags_any: Annotated[list[str], since(2, 26)] = msgspec.field(name="tags-any", default_factory=list)
    not_tags: Annotated[list[str], since(2, 26)] = msgspec.field(name="not-tags", default_factory=list)
    not_tags_any: Annotated[list[str], since(2, 26)] = msgspec.field(name="not-tags-any", default_factory=list)
    locked: Annotated[list[str], since(2, 73)] = []
    user_id: list[str] = []
    project_id: list[str] = []
    tenant_id: list[str] = []
    launch_index: list[str] = []
    image_ref: list[str] = []
    image: list[str] = []
    kernel_id: list[str] = []
    ramdisk_id: list[str] = []
    hostname: list[str] = []
    key_name: list[str] = []
    power_state: list[str] = []
    vm_state: list[str] = []
    task_state: list[str] = []
    host: list[str] = []
    node: list[str] = []
    flavor: list[str] = []
    reservation_id: list[str] = []
    created_at: list[str] = []
    launched_at: list[str] = []
    terminated_at: list[str] = []
    availability_zone: list[str] = []
    name: list[str] = []
    display_name: list[str] = []
    description: list[str] = []
    display_description: list[str] = []
    locked_by: list[str] = []
    uuid: list[str] = []
    root_device_name: list[str] = []
    config_drive: list[str] = []
    access_ip_v4: list[str] = []
    access_ip_v6: list[str] = []
    auto_disk_config: list[str] = []
    progress: list[str] = []
    ip: list[str] = []
    ip6: list[str] = []
    # Names of tables that some clients once tried to filter by: refused with a 400 where they are not ignored.
    block_device_mapping: list[str] = []
    services: list[str] = []
    metadata: list[str] = []
    system_metadata: list[str] = []
    info_cache: list[str] = []
    security_groups: list[str] = []
    pci_devices: list[str] = []
