"""On whose behalf this task works: ids that every log line written meanwhile carries.

Held in a context variable: it follows ``await``, new tasks and ``asyncio.to_thread``; a thread started otherwise must
be given ``contextvars.copy_context()``. An error that leaves a ``bind`` block takes the ids along, so that whoever
logs it further out still names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import TracebackType

#: In the order in which a line shows them.
ID_NAMES = ("request_id", "project_id", "server_id", "action_id", "host_id")

_NOTHING: Mapping[str, str] = {}
_ids: ContextVar[Mapping[str, str]] = ContextVar("kilonova_log_ids", default=_NOTHING)
_MARK = "_kilonova_log_ids"


class Bound:
    """Ids for the length of a ``with`` block; ``keep()`` binds them for the rest of the task instead."""

    __slots__ = ("_new", "_token")

    def __init__(self, new: Mapping[str, str]) -> None:
        self._new = new
        self._token: Token[Mapping[str, str]] | None = None

    def keep(self) -> None:
        _ids.set({**_ids.get(), **self._new})

    def __enter__(self) -> None:
        self._token = _ids.set({**_ids.get(), **self._new})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and not hasattr(error, _MARK):
            setattr(error, _MARK, _ids.get())
        if self._token is not None:
            _ids.reset(self._token)


def bind(
    *, request_id: str = "", project_id: str = "", server_id: str = "", action_id: str = "", host_id: str = ""
) -> Bound:
    """Add ids to those bound already; an empty one leaves what is there."""
    new: dict[str, str] = {}
    if request_id:
        new["request_id"] = request_id
    if project_id:
        new["project_id"] = project_id
    if server_id:
        new["server_id"] = server_id
    if action_id:
        new["action_id"] = action_id
    if host_id:
        new["host_id"] = host_id
    return Bound(new)


def current_ids() -> Mapping[str, str]:
    """What is bound here."""
    return _ids.get()


def ids_of(error: BaseException | None) -> Mapping[str, str]:
    """The ids that were bound where ``error`` was raised."""
    found = getattr(error, _MARK, _NOTHING)
    return found if isinstance(found, Mapping) else _NOTHING
