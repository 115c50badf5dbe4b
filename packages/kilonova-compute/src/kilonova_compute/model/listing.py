"""What a list of servers may be narrowed and sorted by."""

from __future__ import annotations

import msgspec

#: The sort keys that the index understands, by their public names (nova, api/openstack/compute/schemas/servers.py).
SORT_KEYS = {
    "access_ip_v4": "access_ip_v4",
    "access_ip_v6": "access_ip_v6",
    "auto_disk_config": "id",
    "availability_zone": "availability_zone",
    "config_drive": "config_drive",
    "created_at": "created_at",
    "display_description": "description",
    "display_name": "name",
    "host": "host",
    "hostname": "hostname",
    "image_ref": "image_id",
    "instance_type_id": "flavor_id",
    "kernel_id": "id",
    "key_name": "key_name",
    "launch_index": "launch_index",
    "launched_at": "launched_at",
    "locked": "locked",
    "locked_by": "locked",
    "node": "node",
    "power_state": "power",
    "progress": "progress",
    "project_id": "project_id",
    "ramdisk_id": "id",
    "root_device_name": "id",
    "task_state": "task_state",
    "terminated_at": "terminated_at",
    "updated_at": "updated_at",
    "user_id": "user_id",
    "uuid": "id",
    "vm_state": "vm_state",
}


class ServerFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Every condition must hold; None means "any". Patterns are regular expressions, as the real API has them."""

    project_id: str | None = None
    user_id: str | None = None
    ids: tuple[str, ...] | None = None
    cells: tuple[str, ...] | None = None
    name_pattern: str | None = None
    hostname: str | None = None
    description_pattern: str | None = None
    vm_states: tuple[str, ...] | None = None
    task_states: tuple[str | None, ...] | None = None
    power: int | None = None
    host: str | None = None
    node: str | None = None
    image_id: str | None = None
    flavor_id: str | None = None
    deleted: bool | None = False
    locked: bool | None = None
    availability_zone: str | None = None
    key_name: str | None = None
    config_drive: bool | None = None
    reservation_id: str | None = None
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    launch_index: int | None = None
    progress: int | None = None
    ipv4_pattern: str | None = None
    ipv6_pattern: str | None = None
    changed_since: float | None = None
    changed_before: float | None = None
    created_at: float | None = None
    launched_at: float | None = None
    terminated_at: float | None = None
    all_tags: tuple[str, ...] = ()
    any_tags: tuple[str, ...] = ()
    not_all_tags: tuple[str, ...] = ()
    not_any_tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}


class ServerOrder(msgspec.Struct, frozen=True):
    """One sort key: a column of the index, and whether it descends."""

    column: str
    descending: bool


#: The newest first, then by id, so that the order is total.
USUAL_ORDER = (ServerOrder("created_at", True),)
