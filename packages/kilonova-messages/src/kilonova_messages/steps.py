"""The steps that hosts run: one type per step, one request, one report.

A ``StepRequest`` is a question that may be repeated: ``operation_id`` is the same each time. The agent publishes
``StepReport(state="working")`` when it has taken the step up and again when asked again, and ``done`` or ``failed``
until a ``Receipt`` says that the controller has written it down. The store refuses a report of an older generation.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from kilonova_messages.wishes import GuestWish

StepState = Literal["working", "done", "failed"]


class EnsureGuest(msgspec.Struct, frozen=True, kw_only=True, tag="ensure_guest"):
    """Make the guest exist as wished, and be on or off."""

    wish: GuestWish
    power: Literal["on", "off"] = "on"


class StopGuest(msgspec.Struct, frozen=True, kw_only=True, tag="stop_guest"):
    """Turn the guest off: asked first when graceful, forced when ``grace_seconds`` are over."""

    mode: Literal["graceful", "force"] = "graceful"
    grace_seconds: float = 60.0


class RebootGuest(msgspec.Struct, frozen=True, kw_only=True, tag="reboot_guest"):
    """Start the guest afresh; ``wish`` rewires and restarts one that a host's own restart has taken down."""

    wish: GuestWish
    mode: Literal["graceful", "force"] = "graceful"
    grace_seconds: float = 60.0


class PauseGuest(msgspec.Struct, frozen=True, kw_only=True, tag="pause_guest"):
    """Freeze the guest."""


class UnpauseGuest(msgspec.Struct, frozen=True, kw_only=True, tag="unpause_guest"):
    """Let a frozen guest go on."""


class RemoveGuest(msgspec.Struct, frozen=True, kw_only=True, tag="remove_guest"):
    """Make the guest, its disks, its wiring and its config drive be gone; gone already is success."""


HostStep = EnsureGuest | StopGuest | RebootGuest | PauseGuest | UnpauseGuest | RemoveGuest


class StepRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Please run this step. ``deadline`` is seconds since the epoch by the controller's clock; 0 means none.

    ``sent_at`` is the controller's clock when it sent this, so that an agent whose clock is wrong can tell how much
    time is really left.
    """

    operation_id: str
    action_id: str
    server_id: str
    generation: int
    step: HostStep
    sent_at: float
    deadline: float = 0.0
    request_id: str = ""
    project_id: str = ""


class StepError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step failed. ``code`` is a driver error's code, or ``image``, ``network``, ``disk_full``."""

    code: str
    message: str
    retryable: bool = False


class StepReport(msgspec.Struct, frozen=True, kw_only=True, tag="step"):
    """How a step stands. ``power`` is the guest's power state at the end, empty when there is no guest."""

    operation_id: str
    action_id: str
    server_id: str
    generation: int
    state: StepState
    power: str = ""
    error: StepError | None = None
    #: What the host wants remembered, shown to operators (seconds per phase and the like).
    details: dict[str, str] = {}
