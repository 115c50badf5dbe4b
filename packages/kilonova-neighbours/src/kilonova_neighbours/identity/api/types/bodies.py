"""Request bodies: one object under one name. What is inside is read by ``attributes.read``, which keeps the unknown."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec


def _body(name: str) -> type[msgspec.Struct]:
    return msgspec.defstruct(f"{name.title().replace('_', '')}Body", [(name, dict[str, Any])], frozen=True)


def _bodies(name: str, least: int = 0) -> type[msgspec.Struct]:
    many = Annotated[list[dict[str, Any]], msgspec.Meta(min_length=least)]
    return msgspec.defstruct(f"{name.title().replace('_', '')}Body", [(name, many)], frozen=True)


UserBody = _body("user")
GroupBody = _body("group")
ProjectBody = _body("project")
DomainBody = _body("domain")
ConfigBody = _body("config")
RoleBody = _body("role")
RegionBody = _body("region")
ServiceBody = _body("service")
EndpointBody = _body("endpoint")
EndpointGroupBody = _body("endpoint_group")
CredentialBody = _body("credential")
ApplicationCredentialBody = _body("application_credential")
TrustBody = _body("trust")
ConsumerBody = _body("consumer")
PolicyBody = _body("policy")
RegisteredLimitBody = _body("registered_limit")
RegisteredLimitsBody = _bodies("registered_limits", least=1)
LimitBody = _body("limit")
LimitsBody = _bodies("limits", least=1)


class TagsBody(msgspec.Struct, frozen=True):
    """All tags of a project."""

    tags: list[str]


class Ec2Body(msgspec.Struct, frozen=True):
    """An EC2 key pair for this project."""

    tenant_id: str
