"""The identity service for those who compose it.

    app = IdentityApp(IdentitySettings(data_dir=...))
    await app.start()
    await app.bootstrap(Bootstrap(admin_password=..., demo_password=..., service_password=...))
    edge = make_edge(app)                 # serve edge.asgi below SERVICE.prefix

The edge gets an authenticator of its own (``Authenticator``): it could not ask the identity API about every token,
being that API itself.
"""

from __future__ import annotations

from kilonova_kit.http.edge import Edge
from kilonova_kit.http.faults import identity_faults
from kilonova_kit.http.operations import Service
from kilonova_kit.http.policy import PolicyBook

from kilonova_neighbours.identity.api.permits import Authenticator
from kilonova_neighbours.identity.api.routes import OPERATIONS
from kilonova_neighbours.identity.app.bootstrap import Bootstrap, ServiceEntry
from kilonova_neighbours.identity.app.identity import IdentityApp
from kilonova_neighbours.identity.settings import IdentitySettings

SERVICE = Service(name="identity", prefix="/identity", base_path="/v3", operations=OPERATIONS, faults=identity_faults)


def make_edge(app: IdentityApp, policies: PolicyBook | None = None, public_url: str = "") -> Edge:
    """The service on the wire, with its own authenticator."""
    return Edge(SERVICE, app, Authenticator(app), policies or PolicyBook(), public_url or app.settings.public_url)


__all__ = [
    "SERVICE",
    "Authenticator",
    "Bootstrap",
    "IdentityApp",
    "IdentitySettings",
    "ServiceEntry",
    "make_edge",
]
