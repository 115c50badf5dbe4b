"""What the metadata of aggregates means for where servers go: pure.

Nova's filters and weighers read these keys of the aggregates that a host is in; here they become what placement is told
of the host (``HostRules``) and what a request must say to be let in (``RequestRules``):

    filter_tenant_id*             projects, with commas between them: the host is for their servers only
    instance_type                 names of flavors: the host is for these only
    trait:<TRAIT>=required        the host is only for requests that require the trait
    max_instances_per_host        at most so many guests
    max_io_ops_per_host           at most so many guests that are being built
    <name>_weight_multiplier      the weigher counts so much on this host
    any other key                 a label: an image with a property of that name goes only to hosts that say nothing of
                                  it or have its value; ``aggregate_instance_extra_specs:<key>`` of a flavor asks for it

A host in several aggregates has all their values; of several numbers the smallest counts, as nova does it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from kilonova_compute.model.aggregates import ZONE, Aggregate
from kilonova_compute.model.requests import RequestedLabel

_PROJECTS, _FLAVORS, _TRAIT = "filter_tenant_id", "instance_type", "trait:"
_MOST_GUESTS, _MOST_ARRIVING = "max_instances_per_host", "max_io_ops_per_host"
_MULTIPLIER = "_weight_multiplier"
#: Nova's names of weighers where ours differ.
_WEIGHERS = {
    "cpu": "vcpu",
    "io_ops": "arriving",
    "num_instances": "guests",
    "build_failure": "failures",
    "cross_cell_move": "near_cell",
    "pci": "scarce",
}
_LONGEST_MARK = 100

Values = dict[str, tuple[str, ...]]


class HostRules(msgspec.Struct, frozen=True, kw_only=True):
    """What placement is told of a host; numbers of 0 are no limit of its own.

    ``aggregates`` are the UUIDs of those it is in, ``not_in`` of all others of ours: what placement knows beside them
    was said by operators at the Placement API.
    """

    aggregates: tuple[str, ...] = ()
    not_in: frozenset[str] = frozenset()
    labels: Values = {}
    only_for: tuple[str, ...] = ()
    multipliers: dict[str, float] = {}
    most_guests: int = 0
    most_arriving: int = 0


class RequestRules(msgspec.Struct, frozen=True, kw_only=True):
    """The marks that open hosts, by whose they are, and the keys that hosts are labelled with."""

    projects: dict[str, tuple[str, ...]] = {}
    flavors: dict[str, tuple[str, ...]] = {}
    traits: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()

    def carries(self, project_id: str, flavor: str, traits: Iterable[str]) -> tuple[str, ...]:
        """The marks that a request has."""
        required = self.traits.intersection(_TRAIT + trait for trait in traits)
        return tuple(sorted({*self.projects.get(project_id, ()), *self.flavors.get(flavor, ()), *required}))

    def image_labels(self, properties: Mapping[str, str]) -> tuple[RequestedLabel, ...]:
        """Where an image with these properties may go."""
        keys = sorted(self.labels.intersection(properties))
        return tuple(RequestedLabel(key=key, values=(properties[key],), or_absent=True) for key in keys)


NO_RULES = RequestRules()


class AggregateView(msgspec.Struct, frozen=True, kw_only=True):
    """All aggregates, and what they mean for requests."""

    all: tuple[Aggregate, ...] = ()
    rules: RequestRules = RequestRules()
    by_host: dict[str, list[Aggregate]] = {}

    def of(self, host: str) -> list[Aggregate]:
        return self.by_host.get(host, [])

    def rules_of(self, host: str) -> HostRules:
        own = self.of(host)
        uuids = tuple(aggregate.uuid for aggregate in own)
        others = frozenset(aggregate.uuid for aggregate in self.all).difference(uuids)
        return msgspec.structs.replace(host_rules(own), aggregates=uuids, not_in=others)


def view_of(aggregates: Sequence[Aggregate]) -> AggregateView:
    by_host: dict[str, list[Aggregate]] = {}
    for aggregate in aggregates:
        for host in aggregate.hosts:
            by_host.setdefault(host, []).append(aggregate)
    # Hosts of the same aggregates are alike: they are looked at once.
    kinds = {tuple(one.number for one in own): own for own in by_host.values()}
    return AggregateView(all=tuple(aggregates), rules=_request_rules(list(kinds.values())), by_host=by_host)


def _request_rules(kinds: Sequence[Sequence[Aggregate]]) -> RequestRules:
    projects: dict[str, set[str]] = {}
    flavors: dict[str, set[str]] = {}
    traits: set[str] = set()
    labels: set[str] = set()
    for own in kinds:
        values = _values(own)
        for key, holders in ((_PROJECTS, projects), (_FLAVORS, flavors)):
            for name in _named(values, key):
                holders.setdefault(name, set()).add(_mark(key, _named(values, key)))
        traits.update(_required_traits(values))
        labels.update(_labels(values))
    return RequestRules(
        projects={name: tuple(sorted(marks)) for name, marks in projects.items()},
        flavors={name: tuple(sorted(marks)) for name, marks in flavors.items()},
        traits=frozenset(traits),
        labels=frozenset(labels),
    )


def host_rules(own: Sequence[Aggregate]) -> HostRules:
    """What the aggregates of a host mean for it."""
    if not own:
        return HostRules()
    values = _values(own)
    marks = [_mark(key, named) for key in (_PROJECTS, _FLAVORS) if (named := _named(values, key))]
    return HostRules(
        labels=_labels(values),
        only_for=(*marks, *_required_traits(values)),
        multipliers=_multipliers(values),
        most_guests=_smallest(values, _MOST_GUESTS),
        most_arriving=_smallest(values, _MOST_ARRIVING),
    )


def _values(own: Sequence[Aggregate]) -> Values:
    """Every key with its values in any of the aggregates, sorted; commas stand between values."""
    found: dict[str, set[str]] = {}
    for aggregate in own:
        for key, text in aggregate.metadata.items():
            if key != ZONE:
                found.setdefault(key, set()).update(value.strip() for value in text.split(","))
    return {key: tuple(sorted(values - {""})) for key, values in found.items()}


def _named(values: Values, key: str) -> tuple[str, ...]:
    """The projects or flavors; a project's key may have any ending, as one key holds no long list."""
    keys = [one for one in values if one == key or (key == _PROJECTS and one.startswith(key))]
    return tuple(sorted({value for one in keys for value in values[one]}))


def _mark(key: str, names: Sequence[str]) -> str:
    """The mark of hosts that are for these only. Whose projects they are is nobody else's business."""
    text = f"{key}:{','.join(names)}"
    if key != _PROJECTS and len(text) <= _LONGEST_MARK:
        return text
    return f"{key}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _required_traits(values: Values) -> list[str]:
    return sorted(key for key, said in values.items() if key.startswith(_TRAIT) and "required" in said)


def _labels(values: Values) -> Values:
    return {key: said for key, said in sorted(values.items()) if said and not _has_a_meaning(key)}


def _has_a_meaning(key: str) -> bool:
    known = key in (_FLAVORS, _MOST_GUESTS, _MOST_ARRIVING)
    return known or key.startswith((_PROJECTS, _TRAIT)) or key.endswith(_MULTIPLIER)


def _multipliers(values: Values) -> dict[str, float]:
    found = {}
    for key, said in values.items():
        numbers = _numbers(said)
        if key.endswith(_MULTIPLIER) and numbers:
            name = key.removesuffix(_MULTIPLIER)
            found[_WEIGHERS.get(name, name)] = min(numbers)
    return found


def _smallest(values: Values, key: str) -> int:
    """The smallest whole number that is said; what is none says nothing (nova logs and goes on)."""
    return int(min((number for number in _numbers(values.get(key, ())) if 1 <= number < 2**31), default=0))


def _numbers(said: Iterable[str]) -> list[float]:
    found = []
    for text in said:
        try:
            number = float(text)
        except ValueError:
            continue
        if abs(number) < 1e9:
            found.append(number)
    return found
