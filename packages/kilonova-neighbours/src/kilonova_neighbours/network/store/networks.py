"""Networks: whom they are open to, and which subnets they have."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, or_, select

from kilonova_neighbours.network.model.records import Actor, Record
from kilonova_neighbours.network.store.kinds import NETWORK
from kilonova_neighbours.network.store.tables import networks, rbac_policies, subnets
from kilonova_neighbours.network.store.transactions import Tx, in_chunks

_ANYONE = "*"


def shared_with(tx: Tx, network_ids: Sequence[str], project_id: str) -> set[str]:
    """Those of the networks that an RBAC policy shares with the project (or with all)."""
    shares = rbac_policies.c
    statement = select(shares.object_id).where(
        shares.action == "access_as_shared", shares.target_tenant.in_((project_id, _ANYONE))
    )
    return {
        network_id
        for chunk in in_chunks(network_ids)
        for network_id in tx.execute(statement.where(shares.object_id.in_(chunk))).scalars()
    }


def may_see(tx: Tx, network: Record, actor: Actor) -> bool:
    if actor.is_trusted or actor.owns(network) or network["shared"] or network["router:external"]:
        return True
    shares = rbac_policies.c
    mine = exists().where(shares.object_id == network["id"], shares.target_tenant == actor.project_id)
    return bool(tx.execute(select(mine)).scalar())


def subnets_of(tx: Tx, network_ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {network_id: [] for network_id in network_ids}
    statement = select(subnets.c.network_id, subnets.c.id).order_by(subnets.c.created_at, subnets.c.id)
    for chunk in in_chunks(network_ids):
        for network_id, subnet_id in tx.execute(statement.where(subnets.c.network_id.in_(chunk))):
            found[network_id].append(subnet_id)
    return found


def segment_is_taken(tx: Tx, kind: str, physical: str | None, segment: int) -> bool:
    columns = networks.c
    statement = select(columns.id).where(
        columns.provider_network_type == kind,
        columns.provider_segmentation_id == segment,
        or_(columns.provider_physical_network == physical, columns.provider_physical_network.is_(None)),
    )
    return tx.execute(statement).first() is not None


def named(tx: Tx, name: str, project_id: str) -> str | None:
    statement = select(NETWORK.table.c.id).where(networks.c.name == name, networks.c.project_id == project_id)
    return tx.execute(statement).scalar()
