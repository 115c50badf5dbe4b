"""The URL table of what the compute API no longer does since 2.36 (metadata of images since 2.39)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy

from kilonova_compute.api.policies import everyone, reading, writing
from kilonova_compute.api.proxies import images, networks, security_groups
from kilonova_compute.api.server_metadata import ItemBody, MetadataBody

_LAST, _LAST_METADATA = (2, 36), (2, 39)
_GROUP, _IMAGE = "/os-security-groups/{group_id}", "/images/{image_id}"
_METADATA = f"{_IMAGE}/metadata"

Handler = Callable[..., Awaitable[Any]]


def _old(name: str, method: str, path: str, handler: Handler, policy: Policy, summary: str, **more: Any) -> Operation:
    return Operation(
        name=name, method=method, path=path, handler=handler, policy=policy, summary=summary,
        returns=dict[str, Any], **({"until": _LAST} | more),
    )  # fmt: skip


_SECURITY_GROUPS = (
    _old(
        "security_groups.index", "GET", "/os-security-groups", security_groups.index,
        reading("os-security-groups:get"), "List security groups.", query=security_groups.GroupQuery,
    ),
    _old(
        "security_groups.create", "POST", "/os-security-groups", security_groups.create,
        writing("os-security-groups:create"), "Make a security group.", takes=security_groups.GroupBody,
    ),
    _old(
        "security_groups.show", "GET", _GROUP, security_groups.show, reading("os-security-groups:show"),
        "Show a security group.",
    ),
    _old(
        "security_groups.update", "PUT", _GROUP, security_groups.update, writing("os-security-groups:update"),
        "Change a security group.", takes=security_groups.GroupBody,
    ),
    _old(
        "security_groups.delete", "DELETE", _GROUP, security_groups.delete, writing("os-security-groups:delete"),
        "Delete a security group.",
    ),
    _old(
        "security_group_rules.create", "POST", "/os-security-group-rules", security_groups.create_rule,
        writing("os-security-groups:rule:create"), "Add a rule to a security group.", takes=security_groups.RuleBody,
    ),
    _old(
        "security_group_rules.delete", "DELETE", "/os-security-group-rules/{rule_id}", security_groups.delete_rule,
        writing("os-security-groups:rule:delete"), "Take a rule from a security group.",
    ),
)  # fmt: skip

_NETWORKS = (
    _old("networks.index", "GET", "/os-networks", networks.index, reading("os-networks:list"), "List networks."),
    _old(
        "networks.show", "GET", "/os-networks/{network_id}", networks.show, reading("os-networks:show"),
        "Show a network.",
    ),
    _old("networks.create", "POST", "/os-networks", networks.gone, everyone("os-networks"), "Removed."),
    _old("networks.add", "POST", "/os-networks/add", networks.gone, everyone("os-networks"), "Removed."),
    _old(
        "networks.delete", "DELETE", "/os-networks/{network_id}", networks.gone, everyone("os-networks"), "Removed."
    ),
    _old(
        "tenant_networks.index", "GET", "/os-tenant-networks", networks.index_of_project,
        reading("os-tenant-networks:list"), "List networks, in short.",
    ),
    _old(
        "tenant_networks.show", "GET", "/os-tenant-networks/{network_id}", networks.show_of_project,
        reading("os-tenant-networks:show"), "Show a network, in short.",
    ),
    _old(
        "tenant_networks.create", "POST", "/os-tenant-networks", networks.gone, everyone("os-tenant-networks"),
        "Removed.",
    ),
    _old(
        "tenant_networks.delete", "DELETE", "/os-tenant-networks/{network_id}", networks.gone,
        everyone("os-tenant-networks"), "Removed.",
    ),
)  # fmt: skip

_IMAGES = (
    _old(
        "images.index", "GET", "/images", images.index, everyone("images"), "List images.", query=images.ImageQuery
    ),
    _old(
        "images.detail", "GET", "/images/detail", images.detail, everyone("images"), "List images with all of them.",
        query=images.ImageQuery,
    ),
    _old("images.show", "GET", _IMAGE, images.show, everyone("images"), "Show an image."),
    _old("images.delete", "DELETE", _IMAGE, images.delete, everyone("images"), "Delete an image."),
)  # fmt: skip

_IMAGE_METADATA = (
    _old(
        "image_metadata.index", "GET", _METADATA, images.metadata, everyone("image-metadata"),
        "Show the metadata of an image.", until=_LAST_METADATA,
    ),
    _old(
        "image_metadata.create", "POST", _METADATA, images.add_metadata, everyone("image-metadata"),
        "Add to the metadata of an image.", takes=MetadataBody, until=_LAST_METADATA,
    ),
    _old(
        "image_metadata.replace", "PUT", _METADATA, images.replace_metadata, everyone("image-metadata"),
        "Replace the metadata of an image.", takes=MetadataBody, until=_LAST_METADATA,
    ),
    _old(
        "image_metadata.show", "GET", f"{_METADATA}/{{key}}", images.metadata_item, everyone("image-metadata"),
        "Show one item.", until=_LAST_METADATA,
    ),
    _old(
        "image_metadata.put", "PUT", f"{_METADATA}/{{key}}", images.put_metadata_item, everyone("image-metadata"),
        "Set one item.", takes=ItemBody, until=_LAST_METADATA,
    ),
    _old(
        "image_metadata.delete", "DELETE", f"{_METADATA}/{{key}}", images.delete_metadata_item,
        everyone("image-metadata"), "Delete one item.", until=_LAST_METADATA,
    ),
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (*_SECURITY_GROUPS, *_NETWORKS, *_IMAGES, *_IMAGE_METADATA)
