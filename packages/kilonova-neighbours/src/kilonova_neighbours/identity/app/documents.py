"""Small things that Keystone keeps for others: policy documents and OAuth consumers."""

from __future__ import annotations

import secrets

from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app.changes import Values, changed
from kilonova_neighbours.identity.app.finding import must
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.credentials import Consumer, PolicyDocument


def policy(work: Work, policy_id: str) -> PolicyDocument:
    return must(store.POLICIES.get(work.tx, id=policy_id), "policy", policy_id)


def policies(work: Work) -> list[PolicyDocument]:
    return store.POLICIES.find(work.tx)


def create_policy(work: Work, values: Values, extra: Values) -> PolicyDocument:
    return store.POLICIES.add(work.tx, PolicyDocument(id=new_hex_id(), extra=extra, **values))


def change_policy(work: Work, policy_id: str, values: Values, extra: Values) -> PolicyDocument:
    return store.POLICIES.change(work.tx, changed(policy(work, policy_id), values, extra))


def delete_policy(work: Work, policy_id: str) -> None:
    policy(work, policy_id)
    store.POLICIES.remove(work.tx, id=policy_id)


def consumer(work: Work, consumer_id: str) -> Consumer:
    return must(store.CONSUMERS.get(work.tx, id=consumer_id), "Consumer", consumer_id)


def consumers(work: Work) -> list[Consumer]:
    return store.CONSUMERS.find(work.tx)


def create_consumer(work: Work, values: Values, extra: Values) -> Consumer:
    made = Consumer(id=new_hex_id(), secret=secrets.token_hex(16), extra=extra, **values)
    return store.CONSUMERS.add(work.tx, made)


def change_consumer(work: Work, consumer_id: str, values: Values, extra: Values) -> Consumer:
    return store.CONSUMERS.change(work.tx, changed(consumer(work, consumer_id), values, extra))


def delete_consumer(work: Work, consumer_id: str) -> None:
    consumer(work, consumer_id)
    store.CONSUMERS.remove(work.tx, id=consumer_id)
