"""One module per microversion that changes a shape; its docstring is the public note. The list is in order."""

from __future__ import annotations

from kilonova_kit.http.operations import Change

CHANGES: tuple[Change, ...] = ()
