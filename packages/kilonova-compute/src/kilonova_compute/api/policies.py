"""The policies of servers by the names that nova gives them, with today's defaults (nova, policies/).

``PROJECT_READER_OR_ADMIN`` is ``reading``, ``PROJECT_MEMBER_OR_ADMIN`` is ``writing``, ``PROJECT_MANAGER_OR_ADMIN`` is
``managing``, ``ADMIN`` is ``admins``: whether a server is the caller's is asked in ``app``.
"""

from __future__ import annotations

from kilonova_kit.http.policy import Policy, admin, authenticated, manager, member, reader

_PREFIX = "os_compute_api:"


def reading(name: str) -> Policy:
    return Policy(_PREFIX + name, reader)


def writing(name: str) -> Policy:
    return Policy(_PREFIX + name, member)


def managing(name: str) -> Policy:
    return Policy(_PREFIX + name, manager)


def admins(name: str) -> Policy:
    return Policy(_PREFIX + name, admin)


def everyone(name: str) -> Policy:
    """Whoever has a token; the handler asks for more."""
    return Policy(_PREFIX + name, authenticated)


LIST = reading("servers:index")
DETAIL = reading("servers:detail")
LIST_ALL_PROJECTS = admins("servers:index:get_all_tenants")
DETAIL_ALL_PROJECTS = admins("servers:detail:get_all_tenants")
ALL_FILTERS = admins("servers:allow_all_filters")
SHOW = reading("servers:show")
EXTRA_SPECS = reading("servers:show:flavor-extra-specs")
HOST_STATUS = admins("servers:show:host_status")
HOST_STATUS_UNKNOWN = admins("servers:show:host_status:unknown-only")
EXTENDED_ATTRIBUTES = admins("os-extended-server-attributes")
CREATE = writing("servers:create")
FORCED_HOST = admins("servers:create:forced_host")
REQUESTED_DESTINATION = admins("servers:create:requested_destination")
ATTACH_VOLUME = writing("servers:create:attach_volume")
ATTACH_NETWORK = writing("servers:create:attach_network")
TRUSTED_CERTIFICATES = writing("servers:create:trusted_certs")
DELETE = writing("servers:delete")
UPDATE = writing("servers:update")
ACTION = everyone("servers:action")
UNLOCK_OVERRIDE = admins("os-lock-server:unlock:unlock_override")
EVENTS = admins("os-instance-actions:events")
EVENT_DETAILS = admins("os-instance-actions:events:details")
TOPOLOGY = Policy("compute:server:topology:index", reader)
TOPOLOGY_HOST = admins("compute:server:topology:host:index")

FLAVORS = everyone("flavors")
FLAVOR_CREATE = admins("os-flavor-manage:create")
FLAVOR_UPDATE = admins("os-flavor-manage:update")
FLAVOR_DELETE = admins("os-flavor-manage:delete")
FLAVOR_EXTRA_SPECS = reading("os-flavor-extra-specs:index")
FLAVOR_ACCESS = admins("os-flavor-access")
ADD_FLAVOR_ACCESS = admins("os-flavor-access:add_tenant_access")
REMOVE_FLAVOR_ACCESS = admins("os-flavor-access:remove_tenant_access")

LIST_KEYPAIRS_OF_OTHERS = admins("os-keypairs:index")
CREATE_KEYPAIR_OF_OTHERS = admins("os-keypairs:create")
SHOW_KEYPAIR_OF_OTHERS = admins("os-keypairs:show")
DELETE_KEYPAIR_OF_OTHERS = admins("os-keypairs:delete")

LIMITS_OF_OTHERS = admins("limits:other_project")
QUOTAS_OF_OTHERS = admins("os-quota-sets:show")
QUOTA_DETAILS_OF_OTHERS = admins("os-quota-sets:detail")
USAGE_OF_OTHERS = admins("os-simple-tenant-usage:show")

AGGREGATE_ADD_HOST = admins("os-aggregates:add_host")
AGGREGATE_REMOVE_HOST = admins("os-aggregates:remove_host")
AGGREGATE_SET_METADATA = admins("os-aggregates:set_metadata")
