"""Extensions: a list that the oldest clients read to learn what a cloud can do, by the names of the first version.

It names what is served here; who builds what is missing (volumes, resize, rescue, consoles and so on) adds its line.
"""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import NotFound
from kilonova_kit.http.operations import Call, NoQuery, Operation

from kilonova_compute.api.policies import everyone
from kilonova_compute.app.compute import Compute

_EXTENSIONS = {
    "OS-DCF": "DiskConfig",
    "OS-EXT-AZ": "ExtendedAvailabilityZone",
    "OS-EXT-IMG-SIZE": "ImageSize",
    "OS-EXT-IPS": "ExtendedIps",
    "OS-EXT-IPS-MAC": "ExtendedIpsMac",
    "OS-EXT-SRV-ATTR": "ExtendedServerAttributes",
    "OS-EXT-STS": "ExtendedStatus",
    "OS-FLV-DISABLED": "FlavorDisabled",
    "OS-FLV-EXT-DATA": "FlavorExtraData",
    "OS-SCH-HNT": "SchedulerHints",
    "OS-SRV-USG": "ServerUsage",
    "os-access-ips": "AccessIPs",
    "os-aggregates": "Aggregates",
    "os-availability-zone": "AvailabilityZone",
    "os-config-drive": "ConfigDrive",
    "os-console-output": "ConsoleOutput",
    "os-extended-hypervisors": "ExtendedHypervisors",
    "os-extended-quotas": "ExtendedQuotas",
    "os-extended-services": "ExtendedServices",
    "os-flavor-access": "FlavorAccess",
    "os-flavor-extra-specs": "FlavorExtraSpecs",
    "os-flavor-manage": "FlavorManage",
    "os-flavor-rxtx": "FlavorRxtx",
    "os-flavor-swap": "FlavorSwap",
    "os-hosts": "Hosts",
    "os-hypervisor-status": "HypervisorStatus",
    "os-hypervisors": "Hypervisors",
    "os-instance-actions": "InstanceActions",
    "os-instance_usage_audit_log": "InstanceUsageAuditLog",
    "os-keypairs": "Keypairs",
    "os-lock-server": "LockServer",
    "os-multiple-create": "MultipleCreate",
    "os-networks": "Networks",
    "os-pause-server": "PauseServer",
    "os-quota-class-sets": "QuotaClasses",
    "os-quota-sets": "Quotas",
    "os-security-groups": "SecurityGroups",
    "os-server-diagnostics": "ServerDiagnostics",
    "os-server-external-events": "ServerExternalEvents",
    "os-server-group-quotas": "ServerGroupQuotas",
    "os-server-groups": "ServerGroups",
    "os-server-list-multi-status": "ServerListMultiStatus",
    "os-server-password": "ServerPassword",
    "os-server-sort-keys": "ServerSortKeys",
    "os-server-start-stop": "ServerStartStop",
    "os-services": "Services",
    "os-simple-tenant-usage": "SimpleTenantUsage",
    "os-tenant-networks": "TenantNetworks",
    "os-used-limits": "UsedLimits",
    "os-used-limits-for-admin": "UsedLimitsForAdmin",
    "os-user-data": "UserData",
    "os-user-quotas": "UserQuotas",
}


def _extension(alias: str) -> dict[str, Any]:
    return {
        "name": _EXTENSIONS[alias],
        "alias": alias,
        "description": _EXTENSIONS[alias],
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
        "updated": "2014-12-03T00:00:00Z",
        "links": [],
    }


async def _list(call: Call[Compute, None, NoQuery]) -> dict[str, Any]:
    return {"extensions": [_extension(alias) for alias in _EXTENSIONS]}


async def _show(call: Call[Compute, None, NoQuery]) -> dict[str, Any]:
    if call.path["alias"] not in _EXTENSIONS:
        raise NotFound("The resource could not be found.")
    return {"extension": _extension(call.path["alias"])}


OPERATIONS = (
    Operation(
        name="extensions.index",
        method="GET",
        path="/extensions",
        handler=_list,
        policy=everyone("extensions"),
        returns=dict[str, Any],
        summary="List extensions, as old clients do.",
    ),
    Operation(
        name="extensions.show",
        method="GET",
        path="/extensions/{alias}",
        handler=_show,
        policy=everyone("extensions"),
        returns=dict[str, Any],
        summary="Show an extension.",
    ),
)
