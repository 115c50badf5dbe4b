"""The URL table of the identity API, v3: the resources' own tables, one after the other."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, anyone

from kilonova_neighbours.identity.api import tokens, versions
from kilonova_neighbours.identity.api.permits import own
from kilonova_neighbours.identity.api.types.tokens import Authenticate

_PUBLIC = Policy("anyone", anyone)
_OWN = "identity:{}".format

_VERSIONS = (
    Operation(name="versions", method="GET", path="//", handler=versions.choices, policy=_PUBLIC, public=True),
    Operation(name="show_version", method="GET", path="", handler=versions.show, policy=_PUBLIC, public=True),
    Operation(
        name="extensions", method="GET", path="/extensions", handler=versions.extensions, policy=_PUBLIC, public=True
    ),
)

_TOKENS = (
    Operation(
        name="create_token",
        method="POST",
        path="/auth/tokens",
        handler=tokens.create,
        policy=_PUBLIC,
        public=True,
        takes=Authenticate,
        status=201,
        body_limit=64 * 1024,
    ),
    Operation(
        name="show_token",
        method="GET",
        path="/auth/tokens",
        handler=tokens.show,
        policy=Policy("identity:validate_token", own),
    ),
    Operation(
        name="delete_token",
        method="DELETE",
        path="/auth/tokens",
        handler=tokens.delete,
        policy=Policy("identity:revoke_token", own),
        status=204,
    ),
    Operation(
        name="auth_catalog",
        method="GET",
        path="/auth/catalog",
        handler=tokens.catalog,
        policy=Policy("identity:get_auth_catalog", own),
    ),
)

OPERATIONS: tuple[Operation, ...] = (*_VERSIONS, *_TOKENS)
