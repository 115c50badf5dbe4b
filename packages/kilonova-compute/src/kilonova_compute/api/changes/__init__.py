"""One module per microversion that changes a shape; its docstring is the public note. The list is in order."""

from __future__ import annotations

from kilonova_kit.http.operations import Change

from kilonova_compute.api.changes import v2_75

CHANGES: tuple[Change, ...] = (v2_75.CHANGE,)
