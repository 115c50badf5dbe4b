"""The URL table of servers and what hangs on them."""

from __future__ import annotations

from typing import Any

from kilonova_kit.http.operations import Operation

from kilonova_compute.api import (
    create_servers,
    instance_actions,
    policies,
    server_actions,
    server_addresses,
    server_diagnostics,
    server_metadata,
    server_parts,
    server_tags,
    servers,
)
from kilonova_compute.api.policies import admins, managing, reading, writing
from kilonova_compute.api.types.create_server import CreatedServerAnswer, CreateServer
from kilonova_compute.api.types.instance_actions import ActionAnswer, ActionList, ActionQuery
from kilonova_compute.api.types.server_filters import ServerQuery
from kilonova_compute.api.types.servers import BriefServerList, ServerAnswer, ServerList, UpdateServer
from kilonova_compute.api.versions import SHARES, STRICT, STRICT_EVERYWHERE, TAGS

_SERVER = "/servers/{server_id}"


def _operation(name: str, method: str, path: str, handler: Any, policy: Any, **more: Any) -> Operation:
    more.setdefault("strict_query", STRICT_EVERYWHERE)
    return Operation(name=name, method=method, path=path, handler=handler, policy=policy, **more)


SERVERS = (
    _operation(
        "servers.index", "GET", "/servers", servers.index, policies.LIST,
        query=ServerQuery, returns=BriefServerList, strict_query=STRICT,
    ),
    _operation(
        "servers.detail", "GET", "/servers/detail", servers.detail, policies.DETAIL,
        query=ServerQuery, returns=ServerList, strict_query=STRICT,
    ),
    _operation(
        "servers.create", "POST", "/servers", create_servers.create, policies.CREATE,
        takes=CreateServer, returns=CreatedServerAnswer, status=202,
    ),
    _operation("servers.show", "GET", _SERVER, servers.show, policies.SHOW, returns=ServerAnswer),
    _operation(
        "servers.update", "PUT", _SERVER, servers.update, policies.UPDATE, takes=UpdateServer, returns=ServerAnswer
    ),
    _operation("servers.delete", "DELETE", _SERVER, servers.delete, policies.DELETE, status=204),
    _operation(
        "servers.action", "POST", f"{_SERVER}/action", server_actions.act, policies.ACTION,
        takes=dict[str, Any], status=202,
    ),
)  # fmt: skip

METADATA = (
    _operation(
        "metadata.index", "GET", f"{_SERVER}/metadata", server_metadata.index, reading("server-metadata:index")
    ),
    _operation(
        "metadata.create", "POST", f"{_SERVER}/metadata", server_metadata.create, writing("server-metadata:create"),
        takes=server_metadata.MetadataBody,
    ),
    _operation(
        "metadata.replace", "PUT", f"{_SERVER}/metadata", server_metadata.replace,
        writing("server-metadata:update_all"), takes=server_metadata.MetadataBody,
    ),
    _operation(
        "metadata.show", "GET", f"{_SERVER}/metadata/{{key}}", server_metadata.show, reading("server-metadata:show")
    ),
    _operation(
        "metadata.put_item", "PUT", f"{_SERVER}/metadata/{{key}}", server_metadata.put_item,
        writing("server-metadata:update"), takes=server_metadata.ItemBody,
    ),
    _operation(
        "metadata.delete_item", "DELETE", f"{_SERVER}/metadata/{{key}}", server_metadata.delete_item,
        writing("server-metadata:delete"), status=204,
    ),
)  # fmt: skip

TAG_OPERATIONS = (
    _operation(
        "tags.index", "GET", f"{_SERVER}/tags", server_tags.index, reading("os-server-tags:index"), since=TAGS
    ),
    _operation(
        "tags.replace", "PUT", f"{_SERVER}/tags", server_tags.replace, writing("os-server-tags:update_all"),
        since=TAGS, takes=server_tags.TagsBody,
    ),
    _operation(
        "tags.delete_all", "DELETE", f"{_SERVER}/tags", server_tags.delete_all, writing("os-server-tags:delete_all"),
        since=TAGS, status=204,
    ),
    _operation(
        "tags.show", "GET", f"{_SERVER}/tags/{{tag}}", server_tags.show, reading("os-server-tags:show"),
        since=TAGS, status=204,
    ),
    _operation(
        "tags.put", "PUT", f"{_SERVER}/tags/{{tag}}", server_tags.put, writing("os-server-tags:update"), since=TAGS
    ),
    _operation(
        "tags.delete", "DELETE", f"{_SERVER}/tags/{{tag}}", server_tags.delete, writing("os-server-tags:delete"),
        since=TAGS, status=204,
    ),
)  # fmt: skip

RECORDS = (
    _operation(
        "instance_actions.index", "GET", f"{_SERVER}/os-instance-actions", instance_actions.index,
        reading("os-instance-actions:list"), query=ActionQuery, returns=ActionList, strict_query=(2, 58),
    ),
    _operation(
        "instance_actions.show", "GET", f"{_SERVER}/os-instance-actions/{{request_id}}", instance_actions.show,
        reading("os-instance-actions:show"), returns=ActionAnswer,
    ),
    _operation(
        "diagnostics.show", "GET", f"{_SERVER}/diagnostics", server_diagnostics.show,
        admins("os-server-diagnostics"),
    ),
    _operation(
        "server_migrations.index", "GET", f"{_SERVER}/migrations", server_parts.migrations,
        managing("servers:migrations:index"), since=(2, 23),
    ),
    _operation(
        "server_migrations.show", "GET", f"{_SERVER}/migrations/{{migration_id}}", server_parts.migration,
        admins("servers:migrations:show"), since=(2, 23),
    ),
    _operation(
        "migrations.index", "GET", "/os-migrations", server_parts.all_migrations, managing("os-migrations:index"),
        query=server_parts.MigrationQuery,
    ),
)  # fmt: skip

ADDRESSES = (
    _operation("ips.index", "GET", f"{_SERVER}/ips", server_addresses.index, reading("ips:index")),
    _operation("ips.show", "GET", f"{_SERVER}/ips/{{network}}", server_addresses.show, reading("ips:show")),
    _operation(
        "interfaces.index", "GET", f"{_SERVER}/os-interface", server_parts.interfaces,
        reading("os-attach-interfaces:list"),
    ),
    _operation(
        "interfaces.show", "GET", f"{_SERVER}/os-interface/{{port_id}}", server_parts.interface,
        reading("os-attach-interfaces:show"),
    ),
    _operation(
        "interfaces.attach", "POST", f"{_SERVER}/os-interface", server_parts.not_here,
        writing("os-attach-interfaces:create"), takes=dict[str, Any], body_optional=True,
    ),
    _operation(
        "interfaces.detach", "DELETE", f"{_SERVER}/os-interface/{{port_id}}", server_parts.not_here,
        writing("os-attach-interfaces:delete"),
    ),
    _operation(
        "server_security_groups.index", "GET", f"{_SERVER}/os-security-groups", server_parts.security_groups,
        reading("os-security-groups:list"),
    ),
)  # fmt: skip

PARTS = (
    _operation(
        "server_password.show", "GET", f"{_SERVER}/os-server-password", server_parts.password,
        reading("os-server-password:show"),
    ),
    _operation(
        "server_password.clear", "DELETE", f"{_SERVER}/os-server-password", server_parts.clear_password,
        writing("os-server-password:clear"), status=204,
    ),
    _operation(
        "volume_attachments.index", "GET", f"{_SERVER}/os-volume_attachments", server_parts.volumes,
        reading("os-volumes-attachments:index"),
    ),
    _operation(
        "volume_attachments.show", "GET", f"{_SERVER}/os-volume_attachments/{{volume_id}}", server_parts.volume,
        reading("os-volumes-attachments:show"),
    ),
    _operation(
        "volume_attachments.create", "POST", f"{_SERVER}/os-volume_attachments", server_parts.not_here,
        writing("os-volumes-attachments:create"), takes=dict[str, Any],
    ),
    _operation(
        "volume_attachments.delete", "DELETE", f"{_SERVER}/os-volume_attachments/{{volume_id}}", server_parts.volume,
        writing("os-volumes-attachments:delete"),
    ),
    _operation(
        "topology.show", "GET", f"{_SERVER}/topology", server_parts.topology, policies.TOPOLOGY,
        since=(2, 78),
    ),
    _operation(
        "shares.index", "GET", f"{_SERVER}/shares", server_parts.shares, reading("os-server-shares:index"),
        since=SHARES,
    ),
    _operation(
        "shares.show", "GET", f"{_SERVER}/shares/{{share_id}}", server_parts.share, reading("os-server-shares:show"),
        since=SHARES,
    ),
    _operation(
        "shares.create", "POST", f"{_SERVER}/shares", server_parts.not_here, writing("os-server-shares:create"),
        takes=dict[str, Any], since=SHARES,
    ),
    _operation(
        "shares.delete", "DELETE", f"{_SERVER}/shares/{{share_id}}", server_parts.share,
        writing("os-server-shares:delete"), since=SHARES,
    ),
    _operation(
        "consoles.create", "POST", f"{_SERVER}/remote-consoles", server_parts.not_here, writing("os-remote-consoles"),
        takes=dict[str, Any], since=(2, 6),
    ),
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (*SERVERS, *METADATA, *TAG_OPERATIONS, *RECORDS, *ADDRESSES, *PARTS)
