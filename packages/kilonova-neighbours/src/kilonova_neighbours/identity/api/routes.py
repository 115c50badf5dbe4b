"""The URL table of the identity API, v3.

A line: the operation's name, which is also its policy's (``identity:NAME``), unless ``policy`` says otherwise; method
and path; the handler; the rule of the edge (``permits.py``); then what it takes and how it answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from kilonova_kit.http.operations import Handler, Operation
from kilonova_kit.http.policy import Policy, Rule, admin, anyone

from kilonova_neighbours.identity.api import (
    application_credentials,
    assignments,
    credentials,
    documents,
    domain_configs,
    domains,
    endpoint_filters,
    groups,
    limits,
    projects,
    roles,
    services,
    tokens,
    trusts,
    users,
    versions,
)
from kilonova_neighbours.identity.api.permits import domain_managing, domain_reading, own, reading
from kilonova_neighbours.identity.api.types import bodies
from kilonova_neighbours.identity.api.types.tokens import Authenticate


def _op(
    name: str,
    request: str,
    handler: Handler,
    rule: Rule,
    takes: type[msgspec.Struct] | None = None,
    status: int = 200,
    **more: Any,
) -> Operation:
    method, _, path = request.partition(" ")
    policy = Policy(f"identity:{more.pop('policy', name)}", rule)
    return Operation(
        name=name, method=method, path=path, handler=handler, policy=policy, takes=takes, status=status, **more
    )


def _public(name: str, request: str, handler: Handler, **more: Any) -> Operation:
    return _op(name, request, handler, anyone, public=True, **more)


_TOKENS = (
    _public("versions", "GET //", versions.choices),
    _public("show_version", "GET ", versions.show),
    _public("extensions", "GET /extensions", versions.extensions),
    _public("create_token", "POST /auth/tokens", tokens.create, takes=Authenticate, status=201, body_limit=64 * 1024),
    _op("validate_token", "GET /auth/tokens", tokens.show, own),
    _op("revoke_token", "DELETE /auth/tokens", tokens.delete, own, status=204),
    _op("get_auth_catalog", "GET /auth/catalog", tokens.catalog, own),
    _op("get_auth_projects", "GET /auth/projects", projects.of_token, own),
    _op("get_auth_domains", "GET /auth/domains", domains.of_token, own),
    _op("get_auth_system", "GET /auth/system", tokens.system, own),
    _op("list_projects_for_user", "GET /OS-FEDERATION/projects", projects.of_token, own),
    _op("list_domains_for_user", "GET /OS-FEDERATION/domains", domains.of_token, own),
)

_USERS = (
    _op("create_user", "POST /users", users.create, domain_managing, bodies.UserBody, 201),
    _op("list_users", "GET /users", users.list_, domain_reading),
    _op("get_user", "GET /users/{user_id}", users.show, own),
    _op("update_user", "PATCH /users/{user_id}", users.update, domain_managing, bodies.UserBody),
    _op("delete_user", "DELETE /users/{user_id}", users.delete, domain_managing, status=204),
    _public(
        "change_password", "POST /users/{user_id}/password", users.change_password, takes=bodies.UserBody, status=204
    ),
    _op("list_user_projects", "GET /users/{user_id}/projects", projects.of_user, own),
    _op("list_groups_for_user", "GET /users/{user_id}/groups", groups.of_user, own),
)

_GROUPS = (
    _op("create_group", "POST /groups", groups.create, domain_managing, bodies.GroupBody, 201),
    _op("list_groups", "GET /groups", groups.list_, domain_reading),
    _op("get_group", "GET /groups/{group_id}", groups.show, domain_reading),
    _op("update_group", "PATCH /groups/{group_id}", groups.update, domain_managing, bodies.GroupBody),
    _op("delete_group", "DELETE /groups/{group_id}", groups.delete, domain_managing, status=204),
    _op("list_users_in_group", "GET /groups/{group_id}/users", groups.members, domain_reading),
    _op("add_user_to_group", "PUT /groups/{group_id}/users/{user_id}", groups.add_member, domain_managing, status=204),
    _op(
        "get_user_in_group",
        "GET /groups/{group_id}/users/{user_id}",
        groups.check_member,
        domain_reading,
        status=204,
        policy="check_user_in_group",
    ),
    _op(
        "check_user_in_group",
        "HEAD /groups/{group_id}/users/{user_id}",
        groups.check_member,
        domain_reading,
        status=204,
    ),
    _op(
        "remove_user_from_group",
        "DELETE /groups/{group_id}/users/{user_id}",
        groups.remove_member,
        domain_managing,
        status=204,
    ),
)

_PROJECTS = (
    _op("create_project", "POST /projects", projects.create, domain_managing, bodies.ProjectBody, 201),
    _op("list_projects", "GET /projects", projects.list_, domain_reading),
    _op("get_project", "GET /projects/{project_id}", projects.show, own),
    _op("update_project", "PATCH /projects/{project_id}", projects.update, domain_managing, bodies.ProjectBody),
    _op("delete_project", "DELETE /projects/{project_id}", projects.delete, domain_managing, status=204),
    _op("list_project_tags", "GET /projects/{project_id}/tags", projects.list_tags, own),
    _op("update_project_tags", "PUT /projects/{project_id}/tags", projects.set_tags, domain_managing, bodies.TagsBody),
    _op("delete_project_tags", "DELETE /projects/{project_id}/tags", projects.delete_tags, domain_managing, status=204),
    _op("get_project_tag", "GET /projects/{project_id}/tags/{tag}", projects.check_tag, own, status=204),
    _op("create_project_tag", "PUT /projects/{project_id}/tags/{tag}", projects.add_tag, domain_managing, status=201),
    _op(
        "delete_project_tag",
        "DELETE /projects/{project_id}/tags/{tag}",
        projects.remove_tag,
        domain_managing,
        status=204,
    ),
    _op("create_domain", "POST /domains", domains.create, admin, bodies.DomainBody, 201),
    _op("list_domains", "GET /domains", domains.list_, domain_reading),
    _op("get_domain", "GET /domains/{domain_id}", domains.show, own),
    _op("update_domain", "PATCH /domains/{domain_id}", domains.update, admin, bodies.DomainBody),
    _op("delete_domain", "DELETE /domains/{domain_id}", domains.delete, admin, status=204),
)


def _configs() -> Iterator[Operation]:
    """A domain's configuration: all of it, a group, an option; and the defaults of each."""
    for suffix, below in (("", ""), ("_group", "/{group}"), ("_option", "/{group}/{option}")):
        path, takes = f"/domains/{{domain_id}}/config{below}", bodies.ConfigBody
        show, update, delete = domain_configs.show, domain_configs.update, domain_configs.delete
        default = f"GET /domains/config{below}/default"
        yield _op(f"get_domain_config{suffix}", f"GET {path}", show, reading, policy="get_domain_config")
        yield _op(f"update_domain_config{suffix}", f"PATCH {path}", update, admin, takes, policy="update_domain_config")
        yield _op(
            f"delete_domain_config{suffix}", f"DELETE {path}", delete, admin, status=204, policy="delete_domain_config"
        )
        yield _op(
            f"get_domain_config_default{suffix}",
            default,
            domain_configs.defaults,
            reading,
            policy="get_domain_config_default",
        )


_CONFIG = (
    _op(
        "create_domain_config", "PUT /domains/{domain_id}/config", domain_configs.replace, admin, bodies.ConfigBody, 201
    ),
    *_configs(),
)

_RULE = "/roles/{role_id}/implies/{implied_role_id}"
_ROLES = (
    _op("create_role", "POST /roles", roles.create, admin, bodies.RoleBody, 201),
    _op("list_roles", "GET /roles", roles.list_, domain_reading),
    _op("get_role", "GET /roles/{role_id}", roles.show, domain_reading),
    _op("update_role", "PATCH /roles/{role_id}", roles.update, admin, bodies.RoleBody),
    _op("delete_role", "DELETE /roles/{role_id}", roles.delete, admin, status=204),
    _op("list_implied_roles", "GET /roles/{role_id}/implies", roles.implications, reading),
    _op("get_implied_role", f"GET {_RULE}", roles.show_implication, reading),
    _op("check_implied_role", f"HEAD {_RULE}", roles.check_implication, reading, status=204),
    _op("create_implied_role", f"PUT {_RULE}", roles.imply, admin, status=201),
    _op("delete_implied_role", f"DELETE {_RULE}", roles.unimply, admin, status=204),
    _op("list_role_inference_rules", "GET /role_inferences", roles.all_implications, reading),
    _op("list_role_assignments", "GET /role_assignments", assignments.list_, domain_reading),
)


def _grants() -> Iterator[Operation]:
    """The families of grants: (a project, a domain, the system) x (a user, a group), and the inherited ones."""
    for target in ("project", "domain", "system"):
        place = "/system" if target == "system" else f"/{target}s/{{{target}_id}}"
        for actor in ("user", "group"):
            path = f"{place}/{actor}s/{{{actor}_id}}/roles"
            yield from _family(f"{target}_{actor}", path, "/{role_id}", target == "system")
            if target != "system":
                inherited = "/inherited_to_projects"
                yield from _family(
                    f"inherited_{target}_{actor}", f"/OS-INHERIT{path}", f"/{{role_id}}{inherited}", False, inherited
                )


def _family(name: str, path: str, below: str, system: bool, list_below: str = "") -> Iterator[Operation]:
    """Domain readers and managers have no business with the system's grants."""
    read, write = (reading, admin) if system else (domain_reading, domain_managing)
    one, check = f"{path}{below}", assignments.check
    yield _op(f"list_grants_{name}", f"GET {path}{list_below}", assignments.roles_given, read, policy="list_grants")
    yield _op(f"get_grant_{name}", f"GET {one}", check, read, status=204, policy="check_grant")
    yield _op(f"check_grant_{name}", f"HEAD {one}", check, read, status=204, policy="check_grant")
    yield _op(f"create_grant_{name}", f"PUT {one}", assignments.give, write, status=204, policy="create_grant")
    yield _op(f"revoke_grant_{name}", f"DELETE {one}", assignments.take, write, status=204, policy="revoke_grant")


_CATALOG = (
    _op("create_region", "POST /regions", services.create_region, admin, bodies.RegionBody, 201),
    _op(
        "create_region_with_id",
        "PUT /regions/{region_id}",
        services.create_region,
        admin,
        bodies.RegionBody,
        201,
        policy="create_region",
    ),
    _op("list_regions", "GET /regions", services.list_regions, own),
    _op("get_region", "GET /regions/{region_id}", services.show_region, own),
    _op("update_region", "PATCH /regions/{region_id}", services.update_region, admin, bodies.RegionBody),
    _op("delete_region", "DELETE /regions/{region_id}", services.delete_region, admin, status=204),
    _op("create_service", "POST /services", services.create_service, admin, bodies.ServiceBody, 201),
    _op("list_services", "GET /services", services.list_services, reading),
    _op("get_service", "GET /services/{service_id}", services.show_service, reading),
    _op("update_service", "PATCH /services/{service_id}", services.update_service, admin, bodies.ServiceBody),
    _op("delete_service", "DELETE /services/{service_id}", services.delete_service, admin, status=204),
    _op("create_endpoint", "POST /endpoints", services.create_endpoint, admin, bodies.EndpointBody, 201),
    _op("list_endpoints", "GET /endpoints", services.list_endpoints, reading),
    _op("get_endpoint", "GET /endpoints/{endpoint_id}", services.show_endpoint, reading),
    _op("update_endpoint", "PATCH /endpoints/{endpoint_id}", services.update_endpoint, admin, bodies.EndpointBody),
    _op("delete_endpoint", "DELETE /endpoints/{endpoint_id}", services.delete_endpoint, admin, status=204),
)

_GROUP = "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}"
_FILTERS = (
    _op(
        "create_endpoint_group",
        "POST /OS-EP-FILTER/endpoint_groups",
        endpoint_filters.create_group,
        admin,
        bodies.EndpointGroupBody,
        201,
    ),
    _op("list_endpoint_groups", "GET /OS-EP-FILTER/endpoint_groups", endpoint_filters.list_groups, reading),
    _op("get_endpoint_group", f"GET {_GROUP}", endpoint_filters.show_group, reading),
    _op("update_endpoint_group", f"PATCH {_GROUP}", endpoint_filters.update_group, admin, bodies.EndpointGroupBody),
    _op("delete_endpoint_group", f"DELETE {_GROUP}", endpoint_filters.delete_group, admin, status=204),
    _op(
        "list_endpoints_associated_with_endpoint_group",
        f"GET {_GROUP}/endpoints",
        endpoint_filters.endpoints_in_group,
        reading,
    ),
    _op(
        "list_projects_associated_with_endpoint_group",
        f"GET {_GROUP}/projects",
        endpoint_filters.projects_of_group,
        reading,
    ),
    _op(
        "get_endpoint_group_in_project",
        f"GET {_GROUP}/projects/{{project_id}}",
        endpoint_filters.show_group_of_project,
        reading,
    ),
    _op(
        "add_endpoint_group_to_project",
        f"PUT {_GROUP}/projects/{{project_id}}",
        endpoint_filters.give_group,
        admin,
        status=204,
    ),
    _op(
        "remove_endpoint_group_from_project",
        f"DELETE {_GROUP}/projects/{{project_id}}",
        endpoint_filters.take_group,
        admin,
        status=204,
    ),
    _op(
        "list_endpoint_groups_for_project",
        "GET /OS-EP-FILTER/projects/{project_id}/endpoint_groups",
        endpoint_filters.groups_of_project,
        reading,
    ),
    _op(
        "list_endpoints_for_project",
        "GET /OS-EP-FILTER/projects/{project_id}/endpoints",
        endpoint_filters.endpoints_of_project,
        reading,
    ),
    _op(
        "list_projects_for_endpoint",
        "GET /OS-EP-FILTER/endpoints/{endpoint_id}/projects",
        endpoint_filters.projects_of_endpoint,
        reading,
    ),
    _op(
        "get_endpoint_in_project",
        "GET /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}",
        endpoint_filters.check_endpoint,
        reading,
        status=204,
        policy="check_endpoint_in_project",
    ),
    _op(
        "check_endpoint_in_project",
        "HEAD /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}",
        endpoint_filters.check_endpoint,
        reading,
        status=204,
    ),
    _op(
        "add_endpoint_to_project",
        "PUT /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}",
        endpoint_filters.give_endpoint,
        admin,
        status=204,
    ),
    _op(
        "remove_endpoint_from_project",
        "DELETE /OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}",
        endpoint_filters.take_endpoint,
        admin,
        status=204,
    ),
)

_MINE = "/users/{user_id}/application_credentials"
_EC2 = "/users/{user_id}/credentials/OS-EC2"
_CREDENTIALS = (
    _op("create_credential", "POST /credentials", credentials.create, own, bodies.CredentialBody, 201),
    _op("list_credentials", "GET /credentials", credentials.list_, own),
    _op("get_credential", "GET /credentials/{credential_id}", credentials.show, own),
    _op("update_credential", "PATCH /credentials/{credential_id}", credentials.update, own, bodies.CredentialBody),
    _op("delete_credential", "DELETE /credentials/{credential_id}", credentials.delete, own, status=204),
    _op("ec2_create_credential", f"POST {_EC2}", credentials.create_ec2, own, bodies.Ec2Body, 201),
    _op("ec2_list_credentials", f"GET {_EC2}", credentials.list_ec2, own),
    _op("ec2_get_credential", f"GET {_EC2}/{{access}}", credentials.show_ec2, own),
    _op("ec2_delete_credential", f"DELETE {_EC2}/{{access}}", credentials.delete_ec2, own, status=204),
    _op(
        "create_application_credential",
        f"POST {_MINE}",
        application_credentials.create,
        own,
        bodies.ApplicationCredentialBody,
        201,
    ),
    _op("list_application_credentials", f"GET {_MINE}", application_credentials.list_, own),
    _op("get_application_credential", f"GET {_MINE}/{{application_credential_id}}", application_credentials.show, own),
    _op(
        "delete_application_credential",
        f"DELETE {_MINE}/{{application_credential_id}}",
        application_credentials.delete,
        own,
        status=204,
    ),
    _op("list_access_rules", "GET /users/{user_id}/access_rules", application_credentials.list_access_rules, own),
    _op(
        "get_access_rule",
        "GET /users/{user_id}/access_rules/{access_rule_id}",
        application_credentials.show_access_rule,
        own,
    ),
    _op(
        "delete_access_rule",
        "DELETE /users/{user_id}/access_rules/{access_rule_id}",
        application_credentials.delete_access_rule,
        own,
        status=204,
    ),
    _op("create_trust", "POST /OS-TRUST/trusts", trusts.create, own, bodies.TrustBody, 201),
    _op("list_trusts", "GET /OS-TRUST/trusts", trusts.list_, own),
    _op("get_trust", "GET /OS-TRUST/trusts/{trust_id}", trusts.show, own),
    _op("delete_trust", "DELETE /OS-TRUST/trusts/{trust_id}", trusts.delete, own, status=204),
    _op("list_roles_for_trust", "GET /OS-TRUST/trusts/{trust_id}/roles", trusts.list_roles, own),
    _op("get_role_for_trust", "GET /OS-TRUST/trusts/{trust_id}/roles/{role_id}", trusts.show_role, own),
)

_CONSUMER = "/OS-OAUTH1/consumers/{consumer_id}"
_DOCUMENTS = (
    _op("create_policy", "POST /policies", documents.create_policy, admin, bodies.PolicyBody, 201),
    _op("list_policies", "GET /policies", documents.list_policies, reading),
    _op("get_policy", "GET /policies/{policy_id}", documents.show_policy, reading),
    _op("update_policy", "PATCH /policies/{policy_id}", documents.update_policy, admin, bodies.PolicyBody),
    _op("delete_policy", "DELETE /policies/{policy_id}", documents.delete_policy, admin, status=204),
    _op("create_consumer", "POST /OS-OAUTH1/consumers", documents.create_consumer, admin, bodies.ConsumerBody, 201),
    _op("list_consumers", "GET /OS-OAUTH1/consumers", documents.list_consumers, reading),
    _op("get_consumer", f"GET {_CONSUMER}", documents.show_consumer, reading),
    _op("update_consumer", f"PATCH {_CONSUMER}", documents.update_consumer, admin, bodies.ConsumerBody),
    _op("delete_consumer", f"DELETE {_CONSUMER}", documents.delete_consumer, admin, status=204),
)

_REGISTERED = "/registered_limits/{registered_limit_id}"
_LIMITS = (
    _op(
        "create_registered_limits", "POST /registered_limits", limits.register, admin, bodies.RegisteredLimitsBody, 201
    ),
    _op("list_registered_limits", "GET /registered_limits", limits.list_registered, own),
    _op("get_registered_limit", f"GET {_REGISTERED}", limits.show_registered, own),
    _op("update_registered_limit", f"PATCH {_REGISTERED}", limits.update_registered, admin, bodies.RegisteredLimitBody),
    _op("delete_registered_limit", f"DELETE {_REGISTERED}", limits.delete_registered, admin, status=204),
    _op("get_limit_model", "GET /limits/model", limits.model, own),
    _op("create_limits", "POST /limits", limits.create, admin, bodies.LimitsBody, 201),
    _op("list_limits", "GET /limits", limits.list_, own),
    _op("get_limit", "GET /limits/{limit_id}", limits.show, own),
    _op("update_limit", "PATCH /limits/{limit_id}", limits.update, admin, bodies.LimitBody),
    _op("delete_limit", "DELETE /limits/{limit_id}", limits.delete, admin, status=204),
)

OPERATIONS: tuple[Operation, ...] = (
    *_TOKENS,
    *_USERS,
    *_GROUPS,
    *_PROJECTS,
    *_CONFIG,
    *_ROLES,
    *_grants(),
    *_CATALOG,
    *_FILTERS,
    *_CREDENTIALS,
    *_DOCUMENTS,
    *_LIMITS,
)
