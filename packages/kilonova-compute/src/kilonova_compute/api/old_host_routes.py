"""The URL table of what only the oldest clients ask about hosts."""

from __future__ import annotations

from typing import Any

from kilonova_kit.http.operations import Operation

from kilonova_compute.api import hosts
from kilonova_compute.api.hosts import HostChange, HostQuery
from kilonova_compute.api.policies import admins

_NO_HOSTS = (2, 43)
_STRICT = (2, 102)
_ANSWER = dict[str, Any]

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="hosts.index",
        method="GET",
        path="/os-hosts",
        handler=hosts.index,
        policy=admins("os-hosts:list"),
        returns=_ANSWER,
        query=HostQuery,
        until=_NO_HOSTS,
        summary="List the hosts of services.",
    ),
    Operation(
        name="hosts.show",
        method="GET",
        path="/os-hosts/{name}",
        handler=hosts.show,
        policy=admins("os-hosts:show"),
        returns=_ANSWER,
        until=_NO_HOSTS,
        summary="Show what a host has, and what is used of it.",
    ),
    Operation(
        name="hosts.update",
        method="PUT",
        path="/os-hosts/{name}",
        handler=hosts.update,
        policy=admins("os-hosts:update"),
        takes=HostChange,
        returns=_ANSWER,
        until=_NO_HOSTS,
        summary="Enable or disable a host.",
    ),
    Operation(
        name="hosts.startup",
        method="GET",
        path="/os-hosts/{name}/startup",
        handler=hosts.power,
        policy=admins("os-hosts:start"),
        until=_NO_HOSTS,
        summary="Start a host.",
    ),
    Operation(
        name="hosts.shutdown",
        method="GET",
        path="/os-hosts/{name}/shutdown",
        handler=hosts.power,
        policy=admins("os-hosts:shutdown"),
        until=_NO_HOSTS,
        summary="Shut a host down.",
    ),
    Operation(
        name="hosts.reboot",
        method="GET",
        path="/os-hosts/{name}/reboot",
        handler=hosts.power,
        policy=admins("os-hosts:reboot"),
        until=_NO_HOSTS,
        summary="Reboot a host.",
    ),
    Operation(
        name="audits.index",
        method="GET",
        path="/os-instance_usage_audit_log",
        handler=hosts.audit_log,
        policy=admins("os-instance-usage-audit-log:list"),
        returns=_ANSWER,
        strict_query=_STRICT,
        summary="Show how far the last audit of usage is.",
    ),
    Operation(
        name="audits.show",
        method="GET",
        path="/os-instance_usage_audit_log/{before}",
        handler=hosts.audit_log_before,
        policy=admins("os-instance-usage-audit-log:show"),
        returns=_ANSWER,
        strict_query=_STRICT,
        summary="Show how far the audit before a moment is.",
    ),
)
