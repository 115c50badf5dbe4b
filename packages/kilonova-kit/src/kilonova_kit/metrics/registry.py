"""The process's registry and thin metrics on it.

Declared here, made on first use: so a command line that only imports a module pays nothing. The children (one per
combination of label values) are kept, because Prometheus' own look-up takes a lock and builds strings each time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client import Counter as PrometheusCounter
    from prometheus_client import Gauge as PrometheusGauge
    from prometheus_client import Histogram as PrometheusHistogram

#: Seconds: from a fast answer of the API to a slow build.
DEFAULT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class _Labelled(Protocol):
    def labels(self, *values: str) -> object: ...


C = TypeVar("C")


class _Metric(Generic[C]):
    """A declared metric; ``C`` is the kind of its children."""

    def __init__(self, name: str, description: str, labels: tuple[str, ...]) -> None:
        self.name = name
        self.description = description
        self.label_names = labels
        self._children: dict[tuple[str, ...], C] = {}

    def labels(self, *values: str) -> C:
        """The child with these label values, in the declared order. ValueError when their number is wrong."""
        child = self._children.get(values)
        if child is None:
            if len(values) != len(self.label_names):
                raise ValueError(f"{self.name} has the labels {self.label_names}, not {len(values)} values")
            made = self.make()
            child = cast(C, made.labels(*values) if values else made)
            self._children[values] = child
        return child

    def make(self) -> _Labelled:
        """The Prometheus metric behind it."""
        raise AssertionError("each kind says what it makes")


class Counter(_Metric["PrometheusCounter"]):
    """Only goes up."""

    @functools.cached_property
    def _made(self) -> PrometheusCounter:
        from prometheus_client import Counter as Kind

        return Kind(self.name, self.description, self.label_names, registry=_registry())

    def make(self) -> PrometheusCounter:
        return self._made

    def inc(self, amount: float = 1.0) -> None:
        self.labels().inc(amount)


class Gauge(_Metric["PrometheusGauge"]):
    """Goes up and down."""

    @functools.cached_property
    def _made(self) -> PrometheusGauge:
        from prometheus_client import Gauge as Kind

        return Kind(self.name, self.description, self.label_names, registry=_registry())

    def make(self) -> PrometheusGauge:
        return self._made

    def set(self, value: float) -> None:
        self.labels().set(value)


class Histogram(_Metric["PrometheusHistogram"]):
    """Counts by size, usually seconds."""

    def __init__(self, name: str, description: str, labels: tuple[str, ...], buckets: Sequence[float]) -> None:
        super().__init__(name, description, labels)
        self.buckets = tuple(buckets)

    @functools.cached_property
    def _made(self) -> PrometheusHistogram:
        from prometheus_client import Histogram as Kind

        return Kind(self.name, self.description, self.label_names, buckets=self.buckets, registry=_registry())

    def make(self) -> PrometheusHistogram:
        return self._made

    def observe(self, value: float) -> None:
        self.labels().observe(value)


M = TypeVar("M", Counter, Gauge, Histogram)
_declared: dict[str, Counter | Gauge | Histogram] = {}


def counter(name: str, description: str, labels: Sequence[str] = ()) -> Counter:
    """Declare a counter; its name ends in ``_total``."""
    return _declare(Counter(name, description, tuple(labels)))


def gauge(name: str, description: str, labels: Sequence[str] = ()) -> Gauge:
    return _declare(Gauge(name, description, tuple(labels)))


def histogram(
    name: str, description: str, labels: Sequence[str] = (), buckets: Sequence[float] = DEFAULT_BUCKETS
) -> Histogram:
    return _declare(Histogram(name, description, tuple(labels), buckets))


def render() -> tuple[bytes, str]:
    """All metrics as text, and its content type."""
    from prometheus_client import generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    for metric in _declared.values():
        metric.make()  # so that what has not happened yet is there too
    return generate_latest(_registry()), CONTENT_TYPE_PLAIN_0_0_4


def _declare(metric: M) -> M:
    if metric.name in _declared:
        raise ValueError(f"the metric {metric.name} is declared twice")
    _declared[metric.name] = metric
    return metric


@functools.cache
def _registry() -> CollectorRegistry:
    from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics

    without_created: Callable[[], None] = disable_created_metrics
    without_created()
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    return registry
