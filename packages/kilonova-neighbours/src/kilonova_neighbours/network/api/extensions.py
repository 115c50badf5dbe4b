"""The extensions list: exactly what is served here. A client looks here before it uses an optional attribute."""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import NotFound
from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, authenticated

from kilonova_neighbours.network.api.resources import NetworkCall
from kilonova_neighbours.network.model.records import Record

_UPDATED = "2026-01-01T00:00:00-00:00"

#: alias, name, description
_EXTENSIONS: tuple[tuple[str, str, str], ...] = (
    ("address-scope", "Address scope", "Address scopes extension."),
    ("agent", "agent", "The agent management extension."),
    ("allowed-address-pairs", "Allowed Address Pairs", "Provides allowed address pairs"),
    ("availability_zone", "Availability Zone", "The availability zone extension."),
    ("binding", "Port Binding", "Expose port bindings of a virtual port to external application"),
    ("default-subnetpools", "Default Subnetpools", "Provides ability to mark and use a subnetpool as the default."),
    ("empty-string-filtering", "Empty String Filtering Extension", "Allow filtering by attributes with empty string"),
    ("external-net", "Neutron external network", "Adds external network attribute to network resource."),
    ("extra_dhcp_opt", "Neutron Extra DHCP options", "Extra options configuration for DHCP."),
    ("ext-gw-mode", "Neutron L3 Configurable external gateway mode", "Adds enable_snat to a router's gateway."),
    ("extraroute", "Neutron Extra Route", "Extra routes configuration for L3 router"),
    ("extraroute-atomic", "Atomically add/remove extra routes", "Edit extra routes of a router on the server side."),
    ("ip-substring-filtering", "IP address substring filtering", "Filtering ports by a part of their IP addresses"),
    ("net-mtu", "Network MTU", "Provides MTU attribute for a network resource."),
    ("net-mtu-writable", "Network MTU (writable)", "Provides a writable MTU attribute for a network resource."),
    (
        "network_availability_zone",
        "Network Availability Zone",
        "Availability zone support for network.",
    ),
    (
        "network-ip-availability",
        "Network IP Availability",
        "Provides IP availability data for each network and subnet.",
    ),
    ("pagination", "Pagination support", "Extension that indicates that pagination is enabled."),
    ("port-security", "Port Security", "Provides port security"),
    ("project-id", "project_id field enabled", "Extension that indicates that project_id field is enabled."),
    ("provider", "Provider Network", "Expose mapping of virtual networks to physical networks"),
    ("quota-check-limit", "Quota engine limit check", "Support for checking the resource usage before a new limit"),
    ("quota_details", "Quota details management support", "Expose functions for quotas usage statistics per project"),
    ("quotas", "Quota management support", "Expose functions for quotas management per project"),
    ("rbac-policies", "RBAC Policies", "Allows creation and modification of policies that control access to resources"),
    ("revision-if-match", "If-Match constraints based on revision_number", "Extension indicating that If-Match works."),
    ("router", "Neutron L3 Router", "Router abstraction for basic L3 forwarding between L2 Neutron networks."),
    ("router_availability_zone", "Router Availability Zone", "Availability zone support for router."),
    ("security-group", "security-group", "The security groups extension."),
    (
        "security-groups-normalized-cidr",
        "Normalized CIDR field for security group rules",
        "Add new field with normalized remote_ip_prefix cidr in SG rule",
    ),
    (
        "security-groups-rules-belongs-to-default-sg",
        "Security group rules belongs to the default security group",
        "Flag to determine if the security group rule belongs to the default security group.",
    ),
    ("sorting", "Sorting support", "Extension that indicates that sorting is enabled."),
    ("standard-attr-description", "standard-attr-description", "Extension to add descriptions to standard attributes"),
    ("standard-attr-revisions", "Resource revision numbers", "Displays the revision number of resources."),
    ("standard-attr-tag", "Tag support for resources with standard attribute", "Enables to set tag on resources."),
    ("standard-attr-timestamp", "Resource timestamps", "Adds created_at and updated_at fields to resources."),
    ("stateful-security-group", "Stateful security group", "Indicates if the security group is stateful or not"),
    ("subnet-service-types", "Subnet service types", "Provides ability to set the subnet service_types field"),
    ("subnet_allocation", "Subnet Allocation", "Enables allocation of subnets from a subnet pool"),
    ("tag-creation", "Tag creation extension", "Allow to create multiple tags for a resource"),
)


def _shown(alias: str, name: str, description: str) -> Record:
    return {"alias": alias, "name": name, "description": description, "updated": _UPDATED, "links": []}


async def _list(call: NetworkCall) -> Record:
    return {"extensions": [_shown(*extension) for extension in _EXTENSIONS]}


async def _show(call: NetworkCall) -> Record:
    for extension in _EXTENSIONS:
        if extension[0] == call.path["alias"]:
            return {"extension": _shown(*extension)}
    raise NotFound(f"Extension with alias {call.path['alias']} does not exist", kind="HTTPNotFound")


def _line(name: str, path: str, handler: Any) -> Operation:
    return Operation(name=name, method="GET", path=path, handler=handler, policy=Policy(name, authenticated))


OPERATIONS = (
    _line("list_extensions", "/extensions", _list),
    _line("show_extension", "/extensions/{alias}", _show),
)
