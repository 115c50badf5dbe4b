"""The URL table of servers and what hangs on them."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation

OPERATIONS: tuple[Operation, ...] = ()
