"""Policy documents and OAuth consumers on the wire."""

from __future__ import annotations

from kilonova_neighbours.identity.api import attributes
from kilonova_neighbours.identity.api.answers import Plain, link, listing, with_link
from kilonova_neighbours.identity.api.permits import IdentityCall
from kilonova_neighbours.identity.api.types.credentials import CreateConsumer, CreatePolicy, UpdatePolicy
from kilonova_neighbours.identity.app import documents
from kilonova_neighbours.identity.model.credentials import Consumer, PolicyDocument


def policy_view(call: IdentityCall, policy: PolicyDocument) -> Plain:
    return with_link(call, {**policy.extra, "id": policy.id, "type": policy.type, "blob": policy.blob}, "policies")


async def create_policy(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.policy, CreatePolicy)
    policy = await call.app.write(documents.create_policy, attributes.given(known), extra)
    return {"policy": policy_view(call, policy)}


async def list_policies(call: IdentityCall) -> Plain:
    found = await call.app.read(documents.policies)
    return listing(call, "policies", [policy_view(call, policy) for policy in found], ("type",))


async def show_policy(call: IdentityCall) -> Plain:
    return {"policy": policy_view(call, await call.app.read(documents.policy, call.path["policy_id"]))}


async def update_policy(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.policy, UpdatePolicy)
    policy = await call.app.write(documents.change_policy, call.path["policy_id"], attributes.given(known), extra)
    return {"policy": policy_view(call, policy)}


async def delete_policy(call: IdentityCall) -> None:
    await call.app.write(documents.delete_policy, call.path["policy_id"])


def consumer_view(call: IdentityCall, consumer: Consumer) -> Plain:
    """Without the secret, which is shown once."""
    own = link(call, "OS-OAUTH1", "consumers", consumer.id)
    return {**consumer.extra, "id": consumer.id, "description": consumer.description, "links": {"self": own}}


async def create_consumer(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.consumer, CreateConsumer)
    consumer = await call.app.write(documents.create_consumer, attributes.given(known), extra)
    return {"consumer": {**consumer_view(call, consumer), "secret": consumer.secret}}


async def list_consumers(call: IdentityCall) -> Plain:
    found = await call.app.read(documents.consumers)
    return listing(call, "consumers", [consumer_view(call, consumer) for consumer in found])


async def show_consumer(call: IdentityCall) -> Plain:
    return {"consumer": consumer_view(call, await call.app.read(documents.consumer, call.path["consumer_id"]))}


async def update_consumer(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.consumer, CreateConsumer)
    extra.pop("secret", None)
    consumer = await call.app.write(documents.change_consumer, call.path["consumer_id"], attributes.given(known), extra)
    return {"consumer": consumer_view(call, consumer)}


async def delete_consumer(call: IdentityCall) -> None:
    await call.app.write(documents.delete_consumer, call.path["consumer_id"])
