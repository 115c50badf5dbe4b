"""All SQL of the identity service: the tables, and one shelf per type."""

from __future__ import annotations

from kilonova_neighbours.identity.model.catalog import (
    Endpoint,
    EndpointGroup,
    ProjectEndpoint,
    ProjectEndpointGroup,
    Region,
    Service,
)
from kilonova_neighbours.identity.model.credentials import (
    AccessRule,
    ApplicationCredential,
    Consumer,
    Credential,
    PolicyDocument,
    Trust,
)
from kilonova_neighbours.identity.model.limits import Limit, RegisteredLimit
from kilonova_neighbours.identity.model.projects import DomainConfig, Project
from kilonova_neighbours.identity.model.roles import Assignment, Implication, Role
from kilonova_neighbours.identity.model.tokens import Revocation
from kilonova_neighbours.identity.model.users import Group, Membership, User
from kilonova_neighbours.identity.store import tables
from kilonova_neighbours.identity.store.shelf import Shelf, Tx, take_turn

PROJECTS = Shelf(tables.projects, Project, "name")
DOMAIN_CONFIGS = Shelf(tables.domain_configs, DomainConfig, "domain_id")
USERS = Shelf(tables.users, User, "name")
GROUPS = Shelf(tables.groups, Group, "name")
MEMBERSHIPS = Shelf(tables.memberships, Membership, "group_id")
ROLES = Shelf(tables.roles, Role, "name")
IMPLICATIONS = Shelf(tables.implications, Implication, "prior_role_id")
ASSIGNMENTS = Shelf(tables.assignments, Assignment, "target_id")
REGIONS = Shelf(tables.regions, Region, "id")
SERVICES = Shelf(tables.services, Service, "type")
ENDPOINTS = Shelf(tables.endpoints, Endpoint, "id")
ENDPOINT_GROUPS = Shelf(tables.endpoint_groups, EndpointGroup, "name")
PROJECT_ENDPOINTS = Shelf(tables.project_endpoints, ProjectEndpoint, "project_id")
PROJECT_ENDPOINT_GROUPS = Shelf(tables.project_endpoint_groups, ProjectEndpointGroup, "project_id")
CREDENTIALS = Shelf(tables.credentials, Credential, "id")
ACCESS_RULES = Shelf(tables.access_rules, AccessRule, "id")
APPLICATION_CREDENTIALS = Shelf(tables.application_credentials, ApplicationCredential, "name")
TRUSTS = Shelf(tables.trusts, Trust, "id")
CONSUMERS = Shelf(tables.consumers, Consumer, "id")
POLICIES = Shelf(tables.policies, PolicyDocument, "id")
REGISTERED_LIMITS = Shelf(tables.registered_limits, RegisteredLimit, "id")
LIMITS = Shelf(tables.limits, Limit, "id")
REVOCATIONS = Shelf(tables.revocations, Revocation, "id")

metadata = tables.metadata

__all__ = [
    "ACCESS_RULES",
    "APPLICATION_CREDENTIALS",
    "ASSIGNMENTS",
    "CONSUMERS",
    "CREDENTIALS",
    "DOMAIN_CONFIGS",
    "ENDPOINTS",
    "ENDPOINT_GROUPS",
    "GROUPS",
    "IMPLICATIONS",
    "LIMITS",
    "MEMBERSHIPS",
    "POLICIES",
    "PROJECTS",
    "PROJECT_ENDPOINTS",
    "PROJECT_ENDPOINT_GROUPS",
    "REGIONS",
    "REGISTERED_LIMITS",
    "REVOCATIONS",
    "ROLES",
    "SERVICES",
    "TRUSTS",
    "USERS",
    "Shelf",
    "Tx",
    "metadata",
    "take_turn",
]
