"""Every action there is, by its verb. A verb in flight may not be renamed."""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_compute.actions.create_server import CREATE_SERVER
from kilonova_compute.actions.delete_server import DELETE_SERVER
from kilonova_compute.actions.power_server import (
    PAUSE_SERVER,
    REBOOT_SERVER,
    REBOOT_SERVER_HARD,
    START_SERVER,
    STOP_SERVER,
    UNPAUSE_SERVER,
)
from kilonova_compute.actions.steps import Action

ACTIONS: Mapping[str, Action] = {
    action.verb: action
    for action in (
        CREATE_SERVER,
        DELETE_SERVER,
        START_SERVER,
        STOP_SERVER,
        REBOOT_SERVER,
        REBOOT_SERVER_HARD,
        PAUSE_SERVER,
        UNPAUSE_SERVER,
    )
}
