"""The URL table of key pairs."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation

from kilonova_compute.api import keypairs
from kilonova_compute.api.policies import everyone
from kilonova_compute.api.types.keypairs import (
    CreateKeyPair,
    KeyPairAnswer,
    KeyPairList,
    KeyPairListQuery,
    KeyPairQuery,
)

_STRICT = (2, 75)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="keypairs.index",
        method="GET",
        path="/os-keypairs",
        handler=keypairs.index,
        policy=everyone("os-keypairs:index"),
        returns=KeyPairList,
        query=KeyPairListQuery,
        strict_query=_STRICT,
        summary="List a user's key pairs.",
    ),
    Operation(
        name="keypairs.create",
        method="POST",
        path="/os-keypairs",
        handler=keypairs.create,
        policy=everyone("os-keypairs:create"),
        takes=CreateKeyPair,
        returns=KeyPairAnswer,
        status=201,
        summary="Keep a public key, or (before 2.92) make a key pair.",
    ),
    Operation(
        name="keypairs.show",
        method="GET",
        path="/os-keypairs/{name}",
        handler=keypairs.show,
        policy=everyone("os-keypairs:show"),
        returns=KeyPairAnswer,
        query=KeyPairQuery,
        strict_query=_STRICT,
        summary="Show a key pair.",
    ),
    Operation(
        name="keypairs.delete",
        method="DELETE",
        path="/os-keypairs/{name}",
        handler=keypairs.delete,
        policy=everyone("os-keypairs:delete"),
        query=KeyPairQuery,
        strict_query=_STRICT,
        status=204,
        summary="Forget a key pair.",
    ),
)
