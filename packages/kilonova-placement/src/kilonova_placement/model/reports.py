"""Reports and changes applied to a provider: pure."""

from __future__ import annotations

import msgspec

from kilonova_placement.model.attributes import said_of
from kilonova_placement.model.layers import with_overlay
from kilonova_placement.model.providers import NOT_REPORTED, Provider, ProviderChange, ProviderReport, Reported


def described(report: ProviderReport, provider_id: str, known: Provider | None, now: float) -> Provider:
    """The provider as the report leaves it. Its root is that of its parent, so the caller sets it for a child."""
    if known is None:
        known = Provider(provider_id=provider_id, name="", generation=0, root_id=provider_id, created_at=now)
    said, overlay = Reported(inventories=report.inventories, traits=tuple(sorted(set(report.traits)))), known.overlay
    in_force = with_overlay(said, overlay)
    replaced = msgspec.structs.replace(
        known,
        name=report.name,
        cell=report.cell or known.cell,
        parent_id=known.parent_id if overlay and overlay.placed else report.parent_id,
        inventories=in_force.inventories,
        traits=in_force.traits,
        reported=said if overlay else None,
        disabled="" if known.disabled == NOT_REPORTED else known.disabled,
    )
    change = ProviderChange(
        zone=report.zone,
        aggregates=report.aggregates,
        disabled=report.disabled,
        down=report.down,
        attributes=report.attributes,
    )
    return changed(replaced, change, now)


def changed(provider: Provider, change: ProviderChange, now: float) -> Provider:
    """The provider with every attribute replaced that the change names."""
    aggregates = change.aggregates
    return msgspec.structs.replace(
        provider,
        zone=provider.zone if change.zone is None else change.zone,
        aggregates=provider.aggregates if aggregates is None else tuple(sorted(set(aggregates))),
        disabled=provider.disabled if change.disabled is None else change.disabled,
        down=provider.down if change.down is None else change.down,
        attributes=said_of(provider.attributes, change.attributes, now),
    )
