"""Whom the metadata service asks: what the agent gives it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kilonova_messages.wishes import GuestMetadata, PortWiring

#: (network id, address) -> the guest that has this address on that network.
Lookup = Callable[[str, str], Awaitable[GuestMetadata | None]]
#: server id -> its ports, for ``network_data.json``.
PortsOf = Callable[[str], Awaitable[tuple[PortWiring, ...]]]
#: (server id, encrypted password) that a guest posted for its owner.
KeepPassword = Callable[[str, str], Awaitable[None]]


async def no_ports(_server_id: str) -> tuple[PortWiring, ...]:
    return ()


async def forget_password(_server_id: str, _password: str) -> None:
    """For an agent that hands passwords to nobody: the service itself shows them until it ends."""
