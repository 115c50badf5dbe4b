"""Allocations of the Placement API: a consumer's claims, replaced as one.

What a consumer has now is what its live claims hold. Replacing keeps the claims: each keeps what the new allocations
say about its own providers, the first one takes the rest, one that is left with nothing is released. A consumer
without a claim gets a bound one. All consumers of one call change in one transaction, or none does; the amounts are
checked against what is free once their own old amounts are given back. Messages are those of openstack-placement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, NotFound
from kilonova_kit.ids import new_uuid

from kilonova_placement.app.naming import unknown_classes
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.app.resource_providers import CONCURRENT_UPDATE
from kilonova_placement.deciding.spreading import allows
from kilonova_placement.model.claims import API_KIND, Claim, ClaimState
from kilonova_placement.model.providers import Provider
from kilonova_placement.store import consumers as consumer_store
from kilonova_placement.store import groups as group_store
from kilonova_placement.store import providers as provider_store
from kilonova_placement.store.consumers import Consumer
from kilonova_placement.store.ledger import raise_generations
from kilonova_placement.store.providers import Mark

Amounts = Mapping[str, Mapping[str, int]]
_INVALID = "Inventory for '{name}' on resource provider '{provider}' invalid."
_CONSTRAINTS = (
    "Unable to create allocation for '{name}' on resource provider '{provider}'. "
    "The requested amount would violate inventory constraints."
)
_CAPACITY = (
    "Unable to create allocation for '{name}' on resource provider '{provider}'. "
    "The requested amount would exceed the capacity."
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer is to have, by provider and class; nothing means that it is to have nothing.

    ``generation`` counts only where ``checked``: None then says that the consumer has nothing yet.
    ``consumer_type`` None leaves what is known.
    """

    consumer_id: str
    project_id: str
    user_id: str
    amounts: Amounts
    generation: int | None = None
    checked: bool = False
    consumer_type: str | None = None


async def replace(app: PlacementApp, wanted: Sequence[Wanted], unknown: Callable[[str], str]) -> None:
    """Replace what these consumers have. Raises BadRequest, Conflict.

    ``unknown`` puts the words of the operation before a message about a class that does not exist.
    """
    touched, groups = set[str](), set[str]()

    def save(tx: Any, mark: Mark) -> None:
        groups.update(lock_consumers(tx, [one.consumer_id for one in wanted], mark))
        replace_in(tx, wanted, mark, touched, unknown)

    await app.ledger.change(save, touched, groups)


def lock_consumers(tx: Any, consumer_ids: Sequence[str], mark: Mark) -> set[str]:
    """Lock what consumers have, and the groups they are members of, which count as changed; say which those are."""
    groups = consumer_store.lock_claims(tx, consumer_ids)
    group_store.touch_groups(tx, groups, mark)
    return groups


def replace_in(tx: Any, wanted: Sequence[Wanted], mark: Mark, touched: set[str], unknown: Callable[[str], str]) -> None:
    """``replace`` within a transaction that has locked the consumers.

    Providers whose generation was raised here already are raised again.
    """
    before = {one.consumer_id: consumer_store.find_consumer(tx, one.consumer_id) for one in wanted}
    for one in wanted:
        _check_consumer(one, before[one.consumer_id])
    asked = {key for one in wanted for key in one.amounts}
    known = provider_store.find_many(tx, asked)
    for key in [key for one in wanted for key in one.amounts if key not in known]:
        raise BadRequest(f"Allocation for resource provider '{key}' that does not exist.")
    old = [consumer.amounts() for consumer in before.values() if consumer]
    had = {key for amounts in old for key in amounts}
    emptied = {key for one in wanted if not one.amounts for key in _amounts(before[one.consumer_id])}
    locked = provider_store.lock_generations(tx, asked | had)
    _check_amounts(tx, wanted, old, provider_store.find_many(tx, asked), unknown)
    for one in wanted:
        _write(tx, one, before[one.consumer_id], known, mark)
    changed = {key: (generation, generation + 1) for key, generation in locked.items()}
    raise_generations(tx, changed, mark, unseen=had - asked - emptied)
    touched |= asked | had


async def delete(app: PlacementApp, consumer_id: str) -> None:
    """Release everything a consumer has; no provider shows it in its generation. Raises NotFound."""
    touched, groups = set[str](), set[str]()

    def save(tx: Any, mark: Mark) -> None:
        groups.update(lock_consumers(tx, [consumer_id], mark))
        consumer = consumer_store.find_consumer(tx, consumer_id)
        if consumer is None:
            raise NotFound(f"No allocations for consumer '{consumer_id}'")
        locked = provider_store.lock_generations(tx, consumer.amounts())
        _release(tx, consumer.claims, mark)
        changed = {key: (generation, generation + 1) for key, generation in locked.items()}
        raise_generations(tx, changed, mark, unseen=changed)
        touched.update(changed)

    await app.ledger.change(save, touched, groups)


async def of_consumer(app: PlacementApp, consumer_id: str) -> tuple[Consumer | None, dict[str, Provider]]:
    """What a consumer has, and the providers it has it of."""

    def look(tx: Any) -> tuple[Consumer | None, dict[str, Provider]]:
        consumer = consumer_store.find_consumer(tx, consumer_id)
        return consumer, provider_store.find_many(tx, _amounts(consumer))

    return await app.database.read(look)


async def on_provider(app: PlacementApp, provider_id: str) -> tuple[Provider, list[Consumer]]:
    """A provider and who has something of it. Raises NotFound."""

    def look(tx: Any) -> tuple[Provider | None, list[Consumer]]:
        return provider_store.find_provider(tx, provider_id), consumer_store.consumers_on(tx, provider_id)

    provider, consumers = await app.database.read(look)
    if provider is None:
        raise NotFound(
            f"Resource provider '{provider_id}' not found: No resource provider with uuid {provider_id} found"
        )
    return provider, consumers


def _amounts(consumer: Consumer | None) -> dict[str, dict[str, int]]:
    return consumer.amounts() if consumer else {}


def _check_consumer(one: Wanted, before: Consumer | None) -> None:
    if not one.checked:
        return
    expected = before.generation if before else None
    if one.generation != expected:
        said = "null" if expected is None else expected
        raise Conflict(
            f"consumer generation conflict - expected {said} but got {one.generation}", kind=CONCURRENT_UPDATE
        )


def _check_amounts(
    tx: Any,
    wanted: Sequence[Wanted],
    old: Sequence[Amounts],
    providers: Mapping[str, Provider],
    unknown: Callable[[str], str],
) -> None:
    """Raise BadRequest or Conflict where a provider cannot give what is asked, with the old amounts given back."""
    names = list(dict.fromkeys(name for one in wanted for of in one.amounts.values() for name in of))
    if missing := unknown_classes(tx, names):
        raise BadRequest(unknown(f"No such resource class {missing[0]}."))
    for key, provider in providers.items():
        if not provider.inventories.keys() & set(names):
            raise _refused(_INVALID, ", ".join(names), key)
    before = provider_store.used_of_many(tx, providers)
    used = {key: dict(before.get(key, {})) for key in providers}
    for amounts in old:
        for key, of in amounts.items():
            for name, amount in of.items() if key in used else ():
                used[key][name] -= amount
    for one in wanted:
        for key, of in one.amounts.items():
            for name, amount in of.items():
                now = used[key][name] = used[key].get(name, 0) + amount
                _check_amount(providers[key], name, amount, now, before.get(key, {}).get(name, 0))


def _check_amount(provider: Provider, name: str, amount: int, now: int, before: int) -> None:
    """``now`` would be used with it. Over capacity is allowed where less is used than before."""
    inventory = provider.inventories.get(name)
    if inventory is None:
        raise _refused(_INVALID, name, provider.provider_id)
    if not allows(inventory, amount):
        raise _refused(_CONSTRAINTS, name, provider.provider_id)
    if now > inventory.capacity and now > before:
        raise _refused(_CAPACITY, name, provider.provider_id)


def _refused(words: str, name: str, provider_id: str) -> Conflict:
    return Conflict(f"Unable to allocate inventory: {words.format(name=name, provider=provider_id)}")


# --- writing


def _write(tx: Any, one: Wanted, before: Consumer | None, providers: Mapping[str, Provider], mark: Mark) -> None:
    if before is None:
        if one.amounts:
            _insert(tx, one, providers, mark)
        return
    shares = _shares(before.claims, one.amounts)
    values: dict[str, Any] = {"project_id": one.project_id, "user_id": one.user_id}
    if one.consumer_type:
        values["consumer_type"] = one.consumer_type
    going = [claim for claim, share in zip(before.claims, shares, strict=True) if not share]
    taken_over = sum(claim.generation for claim in going)
    for claim, share in zip(before.claims, shares, strict=True):
        if share:
            consumer_store.rewrite_claim(tx, claim.claim_id, values, share, taken_over)
            taken_over = 0
    _release(tx, going, mark)


def _shares(claims: Sequence[Claim], amounts: Amounts) -> list[dict[str, dict[str, int]]]:
    """What each claim keeps: the new amounts of its own providers, and for the first also those of no claim's."""
    left = {key: dict(of) for key, of in amounts.items()}
    shares: list[dict[str, dict[str, int]]] = []
    for claim in claims:
        own = [part.provider_id for part in claim.providers if part.provider_id in left]
        shares.append({key: left.pop(key) for key in own})
    if left:
        keeper = next((share for share in shares if share), shares[0])
        keeper.update(left)
    return shares


def _release(tx: Any, claims: Sequence[Claim], mark: Mark) -> None:
    values = {"state": ClaimState.RELEASED, "released_at": mark.now, "expires_at": None}
    for claim in claims:
        consumer_store.rewrite_claim(tx, claim.claim_id, values, None)


def _insert(tx: Any, one: Wanted, providers: Mapping[str, Provider], mark: Mark) -> None:
    first = providers[next(iter(one.amounts))]
    root = provider_store.find_provider(tx, first.root_id) or first
    row = {
        "claim_id": f"{API_KIND}:{new_uuid()}",
        "owner": f"{API_KIND}:{one.consumer_id}",
        "consumer": one.consumer_id,
        "project_id": one.project_id,
        "user_id": one.user_id,
        "consumer_type": one.consumer_type,
        "state": ClaimState.BOUND,
        "generation": 1,
        "host_id": root.provider_id,
        "host": root.name,
        "cell": root.cell,
        "expires_at": None,
        "created_at": mark.now,
    }
    consumer_store.insert_claim(tx, row, {key: dict(of) for key, of in one.amounts.items()})
