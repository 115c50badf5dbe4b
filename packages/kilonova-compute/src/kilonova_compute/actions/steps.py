"""What an action file is written with: steps, the context they get, and how they fail.

    STOP = Action(
        "stop",
        (Step("stop_guest", on_host=stop_guest, within=minutes(5)),),
        begun=..., finished=..., failed=...,
    )

A step runs on the controller (``do``) or on the server's host (``on_host`` makes the message). Undo stands beside do: a
function, or ``undo_on_host``. A step without an undo says why in its action's docstring.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kilonova_messages.steps import HostStep

from kilonova_compute.external.image import ImageService
from kilonova_compute.external.network import NetworkService
from kilonova_compute.external.placement import PlacementService
from kilonova_compute.model.actions import ActionRecord, Line, LineState, StepFault
from kilonova_compute.model.servers import Server

ServerChange = Callable[[Server], Server]


class StepFailed(Exception):
    """The step cannot be done; ``elsewhere`` says that another host may do it."""

    def __init__(self, code: str, message: str, *, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.fault = StepFault(code=code, message=message, elsewhere=elsewhere)


class NotYet(Exception):
    """Ask again later; not an error until the step's time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What steps may use."""

    placement: PlacementService
    network: NetworkService
    image: ImageService
    #: Makes the ticket that lets one host fetch one image: (image id, host id) -> ticket.
    image_ticket: Callable[[str, str], str]
    clock: Callable[[], float]
    #: The availability zone of a host, by its id.
    zone_of: Callable[[str], str] = lambda host_id: "nova"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a step sees. ``results`` are those of the steps before it, by name, in the present attempt.

    ``first_try`` is true only where nothing of the step can have been done before: it need not look for it.
    """

    server: Server
    action: ActionRecord
    results: Mapping[str, Mapping[str, Any]]
    services: Services
    first_try: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a step leaves behind, written in one transaction with the fact that it is done."""

    result: Mapping[str, Any] = field(default_factory=dict)
    change: ServerChange | None = None


Do = Callable[[Context], Awaitable[Outcome | None]]
MakeHostStep = Callable[[Context], Awaitable[HostStep]]


def minutes(number: float) -> float:
    return number * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. ``within`` is its time limit in seconds, for all tries together.

    ``skip`` says that there is nothing to do (no host, say).
    """

    name: str
    do: Do | None = None
    undo: Do | None = None
    on_host: MakeHostStep | None = None
    undo_on_host: MakeHostStep | None = None
    within: float = 60.0
    skip: Callable[[Context], bool] | None = None
    #: A host that is down ends the step as if it had been done: what is left there is swept when the host returns.
    done_without_host: bool = False

    @property
    def undoable(self) -> bool:
        return self.undo is not None or self.undo_on_host is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A verb: its steps in order, and what the server is at its begin and at its end.

    The three changes are pure. ``failed`` gets the fault; ``attempts`` is how many hosts are tried.
    """

    verb: str
    steps: tuple[Step, ...]
    begun: ServerChange
    finished: ServerChange
    failed: Callable[[Server, StepFault], Server]
    attempts: int = 1

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)

    def line(self, step: str, attempt: int, now: float) -> Line:
        """The journal's line of a step that begins now."""
        return Line(step=step, position=self.names.index(step), attempt=attempt, state=LineState.BEGUN, started_at=now)

    @property
    def undoable(self) -> frozenset[str]:
        return frozenset(step.name for step in self.steps if step.undoable)
