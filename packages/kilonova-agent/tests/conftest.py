"""What the agent's tests share: wishes, step requests, and waiting for a state."""

import asyncio
import itertools
import time
import uuid

import pytest
from kilonova_messages.steps import StepRequest
from kilonova_messages.wishes import FixedIp, GuestMetadata, GuestWish, PortWiring, WishedDisk

_generations = itertools.count(1)


@pytest.fixture
def make_wish():
    def make(guest_id=None, **changes):
        guest_id = guest_id or str(uuid.uuid4())
        port = PortWiring(
            port_id=f"port-{guest_id}",
            network_id="net-1",
            mac="fa:16:3e:00:00:01",
            fixed_ips=(FixedIp(subnet_id="subnet-1", ip_address="10.0.0.5"),),
        )
        parts = {
            "guest_id": guest_id,
            "name": "web",
            "vcpus": 1,
            "memory_mib": 64,
            "disks": (WishedDisk(name="root", size_gib=1, boot_index=0),),
            "ports": (port,),
            "metadata": GuestMetadata(server_id=guest_id, name="web", hostname="web", project_id="p1"),
        }
        return GuestWish(**{**parts, **changes})

    return make


@pytest.fixture
def make_request():
    def make(server_id, step, **changes):
        now = time.time()
        parts = {
            "operation_id": str(uuid.uuid4()),
            "action_id": "action-1",
            "server_id": server_id,
            "generation": next(_generations),
            "step": step,
            "sent_at": now,
            "deadline": now + 60,
            "request_id": "req-1",
            "project_id": "p1",
        }
        return StepRequest(**{**parts, **changes})

    return make


@pytest.fixture
def eventually():
    async def wait(truth, seconds=30):
        """Look again and again until it is so; what the last look saw."""
        async with asyncio.timeout(seconds):
            while not (seen := truth()):  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(0.01)
        return seen

    return wait
