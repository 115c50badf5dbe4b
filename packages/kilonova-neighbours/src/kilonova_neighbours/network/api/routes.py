"""The URL table."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation

from kilonova_neighbours.network.api import agents, extensions, floating_ips, quotas, routers, tags, versions
from kilonova_neighbours.network.api.networks import NETWORKS
from kilonova_neighbours.network.api.ports import PORTS
from kilonova_neighbours.network.api.rbac_policies import RBAC_POLICIES
from kilonova_neighbours.network.api.resources import operations_of
from kilonova_neighbours.network.api.routers import ROUTERS
from kilonova_neighbours.network.api.security_groups import SECURITY_GROUP_RULES, SECURITY_GROUPS
from kilonova_neighbours.network.api.subnetpools import ADDRESS_SCOPES, SUBNETPOOLS
from kilonova_neighbours.network.api.subnets import SUBNETS

RESOURCES = (
    NETWORKS,
    SUBNETS,
    PORTS,
    SECURITY_GROUPS,
    SECURITY_GROUP_RULES,
    SUBNETPOOLS,
    ADDRESS_SCOPES,
    RBAC_POLICIES,
    ROUTERS,
)

OPERATIONS: tuple[Operation, ...] = (
    *versions.OPERATIONS,
    *extensions.OPERATIONS,
    *(operation for resource in RESOURCES for operation in operations_of(resource)),
    *routers.OPERATIONS,
    *floating_ips.OPERATIONS,
    *tags.OPERATIONS,
    *quotas.OPERATIONS,
    *agents.OPERATIONS,
)
