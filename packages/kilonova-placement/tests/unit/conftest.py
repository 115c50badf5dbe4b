"""An index made of a few words per host."""

from random import Random

import pytest
from kilonova_placement.deciding.choosing import Chooser, choose, explain
from kilonova_placement.deciding.criteria import Criteria
from kilonova_placement.deciding.index import Index
from kilonova_placement.model.attributes import Attributes
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.providers import Inventory, Provider, ProviderUse
from kilonova_placement.model.requests import Request


def host(number: int, *, vcpu=8, ram=8192, disk=100, used=None, name="", guests=0, said=None, **more) -> ProviderUse:
    """A host; ``inventories`` replaces the usual three; ``said`` are its attributes."""
    provider_id = f"host-{number}"
    inventories = more.pop("inventories", None) or {
        "VCPU": Inventory(total=vcpu),
        "MEMORY_MB": Inventory(total=ram),
        "DISK_GB": Inventory(total=disk),
    }
    provider = Provider(
        provider_id=provider_id,
        name=name or f"h{number}",
        generation=1,
        root_id=provider_id,
        inventories=inventories,
        attributes=Attributes(**said or {}),
        **more,
    )
    return ProviderUse(provider=provider, used=used or {}, guests=guests)


def part(number: int, of: int, **amounts: int) -> ProviderUse:
    provider = Provider(
        provider_id=f"part-{number}",
        name=f"part{number}",
        generation=1,
        root_id=f"host-{of}",
        parent_id=f"host-{of}",
        inventories={name: Inventory(total=total) for name, total in amounts.items()},
    )
    return ProviderUse(provider=provider, used={})


def index_of(*uses: ProviderUse, most: dict[str, int] | None = None) -> Index:
    index = Index(room=2, most=most)
    index.show(uses)
    return index


def chooser(**multipliers: float) -> Chooser:
    return Chooser(Criteria(multipliers), Random(1))


def all_that_fit(request: Request, index: Index) -> set[str]:
    """The hosts a request could go to, found by asking again without those already chosen."""
    from kilonova_placement.deciding.scoring import passing
    from kilonova_placement.deciding.wanted import translate

    mask = passing(translate(request, index), index)
    return {index.names[row] for row in range(index.rows) if mask[row]}


class Make:
    """What tests build things with."""

    host = staticmethod(host)
    part = staticmethod(part)
    index_of = staticmethod(index_of)
    chooser = staticmethod(chooser)
    all_that_fit = staticmethod(all_that_fit)

    @staticmethod
    def chosen(request: Request, index: Index, count: int = 1, **multipliers: float) -> list[str] | Explanation:
        found = choose(request, count, index, chooser(**multipliers))
        return found if isinstance(found, Explanation) else [index.names[place.root] for place in found]

    @staticmethod
    def explain(request: Request, index: Index, count: int = 1) -> Explanation:
        return explain(request, count, index, chooser())


@pytest.fixture
def make() -> type[Make]:
    return Make
