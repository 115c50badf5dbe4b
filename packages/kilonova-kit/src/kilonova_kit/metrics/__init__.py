"""Prometheus metrics: one registry per process, each metric declared once, at the top of the module that counts.

    from kilonova_kit.metrics import counter, gauge, histogram, render

    _claims = counter("kilonova_claims_total", "Claims by outcome.", ("outcome",))
    _claims.labels("refused").inc()

    body, content_type = render()          # what GET /metrics answers

Importing this is cheap: the Prometheus client is loaded with the first count. Process metrics (memory, CPU, open files)
are always there; ``*_created`` series never. Label values must come from small fixed sets, never from ids.
"""

from __future__ import annotations

from kilonova_kit.metrics.registry import Counter, Gauge, Histogram, counter, gauge, histogram, render

__all__ = ["Counter", "Gauge", "Histogram", "counter", "gauge", "histogram", "render"]
