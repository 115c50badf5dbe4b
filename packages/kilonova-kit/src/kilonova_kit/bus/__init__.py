"""The bus: NATS for hints, host work and reports. The truth is in databases; a message may be lost, doubled or late.

In the process that owns the bus:

    authority = BusAuthority.open(data / "bus")
    server = BusServer(authority, data / "nats")           # a child nats-server, watched
    await server.start()
    bus = await Bus.connect(server.url, authority.controller_credentials("controller"), "controller")
    await bus.subscribe("kn.cell1.host.*.report", take_report, queue="controllers")
    answer = await bus.request("kn.cell1.host.h1.ask", question, timeout=5)

A host makes a key, and gets a JWT that binds it to its own subjects:

    seed = Credentials.generate_seed()                     # on the host; only the public key leaves it
    jwt = authority.sign_user("h1", public_key, publish, subscribe)                       # on the controller
    bus = await Bus.connect(url, Credentials(jwt=jwt, seed=seed), "h1")                   # on the host
    await authority.revoke(server.url, public_key)         # cut off at once and for ever
"""

from __future__ import annotations

from kilonova_kit.bus.accounts import BusAuthority, TlsFiles
from kilonova_kit.bus.client import Bus
from kilonova_kit.bus.credentials import Credentials
from kilonova_kit.bus.errors import (
    BusDown,
    BusError,
    BusRefused,
    BusServerFailed,
    BusTimeout,
    MessageTooLarge,
    NoResponders,
)
from kilonova_kit.bus.server import BusServer
from kilonova_kit.bus.subscriptions import BusMessage, Handler, Subscription

__all__ = [
    "Bus",
    "BusAuthority",
    "BusDown",
    "BusError",
    "BusMessage",
    "BusRefused",
    "BusServer",
    "BusServerFailed",
    "BusTimeout",
    "Credentials",
    "Handler",
    "MessageTooLarge",
    "NoResponders",
    "Subscription",
    "TlsFiles",
]
