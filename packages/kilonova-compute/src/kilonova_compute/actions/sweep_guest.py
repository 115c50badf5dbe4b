"""Sweep a guest: remove one that a host has and should not have (its server is deleted, or lives elsewhere).

No journal: the question is asked again at every report of the host's guests until the guest is gone, and removing what
is gone is success. Its generation is newer than the guest's, so that no older question brings it back.
"""

from __future__ import annotations

import logging

from kilonova_kit.ids import new_uuid
from kilonova_messages.reports import GuestState
from kilonova_messages.steps import RemoveGuest, StepRequest

from kilonova_compute.agents.requests import HostLink

log = logging.getLogger(__name__)


async def sweep_guest(hosts: HostLink, cell: str, host_id: str, guest: GuestState, now: float) -> None:
    log.warning("guest %s on host %s belongs to no server there and is removed", guest.guest_id, host_id)
    request = StepRequest(
        operation_id=new_uuid(),
        action_id=f"sweep-{guest.guest_id}",
        server_id=guest.guest_id,
        generation=guest.generation + 1,
        step=RemoveGuest(),
        sent_at=now,
        deadline=now + 300.0,
    )
    await hosts.send_step(cell, host_id, request)
