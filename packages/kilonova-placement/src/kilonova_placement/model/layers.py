"""What an agent reports of a provider, and what operators have said about it through the Placement API.

    effective = reported, with the operators' overlay on top

An overlay holds only what differs: fields of an inventory, whole inventories and traits that nobody reports, and what
was reported but is withheld. It stays until the API says something else; a report never removes any of it. Saying what
is reported anyway gives that part back to the agent (docs/decisions/0010).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kilonova_placement.model.providers import Inventory, Overlay, Provider, Reported

_FIELDS = tuple(field.name for field in msgspec.structs.fields(Inventory))


def with_overlay(reported: Reported, overlay: Overlay | None) -> Reported:
    """What is in force."""
    if overlay is None:
        return reported
    traits = {*reported.traits, *overlay.traits} - {*overlay.withheld_traits}
    return Reported(inventories=_inventories(reported, overlay), traits=tuple(sorted(traits)))


def _inventories(reported: Reported, overlay: Overlay) -> dict[str, Inventory]:
    found = {name: one for name, one in reported.inventories.items() if name not in overlay.withheld_classes}
    for name, fields in overlay.inventories.items():
        if name in found:
            plain = msgspec.structs.asdict(found[name]) | fields
        elif "total" in fields:
            plain = dict(fields)
        else:
            continue  # a ratio, say, of what the agent no longer has
        found[name] = msgspec.convert(plain, Inventory)
    return found


def reported_of(provider: Provider) -> Reported:
    """What the agent said last; without an overlay that is what is in force."""
    return provider.reported or Reported(inventories=provider.inventories, traits=provider.traits)


def with_inventories(provider: Provider, inventories: Mapping[str, Inventory]) -> Provider:
    """The provider with these inventories in force, on an operator's word."""
    base, overlay = reported_of(provider), provider.overlay or Overlay()
    kept = msgspec.structs.replace(
        overlay,
        inventories={
            name: differing for name, one in inventories.items() if (differing := _differing(base, name, one))
        },
        withheld_classes=tuple(sorted(set(base.inventories) - set(inventories))),
    )
    return _said(provider, base, kept, inventories=dict(inventories))


def with_traits(provider: Provider, traits: Iterable[str]) -> Provider:
    """The provider with these traits in force, on an operator's word."""
    base, overlay, wanted = reported_of(provider), provider.overlay or Overlay(), set(traits)
    kept = msgspec.structs.replace(
        overlay,
        traits=tuple(sorted(wanted - set(base.traits))),
        withheld_traits=tuple(sorted(set(base.traits) - wanted)),
    )
    return _said(provider, base, kept, traits=tuple(sorted(wanted)))


def moved(provider: Provider, parent_id: str | None, root_id: str) -> Provider:
    """The provider below another parent, on an operator's word: reports no longer say where it stands."""
    overlay = msgspec.structs.replace(provider.overlay or Overlay(), placed=True)
    base = reported_of(provider)
    return msgspec.structs.replace(provider, parent_id=parent_id, root_id=root_id, overlay=overlay, reported=base)


def _differing(base: Reported, name: str, one: Inventory) -> dict[str, int | float]:
    """The fields that an operator said otherwise; all of them for a class that is not reported."""
    known = base.inventories.get(name)
    if known is not None and one.largest_claim == known.largest_claim:
        one = msgspec.structs.replace(one, max_unit=known.max_unit)  # 0 and the total say the same
    return {
        field: getattr(one, field) for field in _FIELDS if known is None or getattr(one, field) != getattr(known, field)
    }


def _said(provider: Provider, base: Reported, overlay: Overlay, **effective: object) -> Provider:
    if overlay == Overlay():
        return msgspec.structs.replace(provider, reported=None, overlay=None, **effective)
    return msgspec.structs.replace(provider, reported=base, overlay=overlay, **effective)
