"""What the host has, as the controller hears it: the host's tree, and traits for what this agent does for it.

Names of traits are those of os-traits (``COMPUTE_*``: what a compute node can do).
"""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import msgspec
from kilonova_driver.types.inventory import Capabilities
from kilonova_messages.reports import HostReport

from kilonova_agent.steps.work import Host

_OF_FORMATS = {"raw": "COMPUTE_IMAGE_TYPE_RAW", "qcow2": "COMPUTE_IMAGE_TYPE_QCOW2"}


async def host_report(host: Host, hostname: str, address: str) -> HostReport:
    """Raises DriverError, AgentError."""
    capabilities, inventory = host.driver.capabilities(), (await host.resources.measure()).inventory
    traits = sorted({*inventory.traits, *agent_traits(capabilities)})
    return HostReport(
        hostname=hostname,
        address=address,
        capabilities=capabilities,
        inventory=msgspec.structs.replace(inventory, traits=tuple(traits)),
    )


def agent_traits(capabilities: Capabilities) -> set[str]:
    found = {"COMPUTE_NODE"} | {_OF_FORMATS[name] for name in capabilities.disk_formats if name in _OF_FORMATS}
    if capabilities.needs_host_network:
        found |= {"COMPUTE_NET_VIF_MODEL_VIRTIO", "COMPUTE_STORAGE_BUS_VIRTIO"}
    return found


async def own_address(controller_url: str) -> str:
    """The address this machine uses towards the cloud; loopback when it has no way there."""
    parts = urlsplit(controller_url)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            parts.hostname or "127.0.0.1", parts.port or 80, type=socket.SOCK_DGRAM
        )
        family, kind, _, _, where = found[0]
        with socket.socket(family, kind) as probe:  # connecting a datagram socket sends nothing
            probe.connect(where)
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"
