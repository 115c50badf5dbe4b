"""The first things of a cloud, made sure of at every start; running it twice changes nothing.

Only what is missing is made, and endpoints get the given URLs. Of users that exist only the service's gets its password
again: it is the cloud's own, never a person's. What a person has changed stays changed, unless ``reset_passwords`` says
that it was lost (``keystone-manage bootstrap`` resets it always, and so revives a password that was given up for a
reason).
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app.roles_of import SYSTEM
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.catalog import Endpoint, Region, Service
from kilonova_neighbours.identity.model.projects import Project
from kilonova_neighbours.identity.model.roles import Assignment, Implication, Role, TargetKind
from kilonova_neighbours.identity.model.users import User

DEFAULT_DOMAIN = "default"
INTERFACES = ("public", "internal", "admin")
#: Today's defaults (keystone-manage bootstrap): each implies the next; service stands aside.
ROLES = ("admin", "manager", "member", "reader")
SERVICE_ROLE = "service"


class ServiceEntry(msgspec.Struct, frozen=True):
    """A line of the catalog; the URL may hold ``$(public_url)s``."""

    type: str
    name: str
    url: str


SERVICES = (
    ServiceEntry("identity", "keystone", "$(public_url)s/identity"),
    ServiceEntry("compute", "nova", "$(public_url)s/compute/v2.1"),
    ServiceEntry("image", "glance", "$(public_url)s/image"),
    ServiceEntry("network", "neutron", "$(public_url)s/network"),
    ServiceEntry("placement", "placement", "$(public_url)s/placement"),
)


class Bootstrap(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted. Passwords are plain here and nowhere else."""

    admin_password: str
    demo_password: str
    service_password: str
    service_user: str = "kilonova"
    region: str = "RegionOne"
    services: tuple[ServiceEntry, ...] = SERVICES
    #: Set the given passwords of all three users, whatever they have now.
    reset_passwords: bool = False

    def __repr__(self) -> str:
        return f"Bootstrap(region={self.region!r}, services={[entry.type for entry in self.services]})"


def passwords(wanted: Bootstrap) -> dict[str, str]:
    return {
        "admin": wanted.admin_password,
        "demo": wanted.demo_password,
        wanted.service_user: wanted.service_password,
    }


def kept(wanted: Bootstrap) -> frozenset[str]:
    """The users whose passwords are left alone once they exist."""
    return frozenset() if wanted.reset_passwords else frozenset({"admin", "demo"})


def password_hashes(work: Work, wanted: Bootstrap) -> dict[str, str | None]:
    """What the users that exist have now."""
    users = store.USERS.find(work.tx, domain_id=DEFAULT_DOMAIN, name=list(passwords(wanted)))
    return {user.name: user.password_hash for user in users}


def bootstrap(work: Work, wanted: Bootstrap, hashes: dict[str, str]) -> None:
    """``hashes`` holds the users whose password must be set."""
    _domain(work)
    projects = {name: _project(work, name) for name in ("admin", "demo", "service")}
    roles = {name: _role(work, name) for name in (*ROLES, SERVICE_ROLE)}
    for prior, implied in pairwise(ROLES):
        _imply(work, roles[prior], roles[implied])
    users = {name: _user(work, name, hashes.get(name)) for name in passwords(wanted)}
    _never_lock(work, users[wanted.service_user])
    _grant(work, users["admin"], "project", projects["admin"], roles["admin"])
    _grant(work, users["admin"], "system", SYSTEM, roles["admin"])
    _grant(work, users["admin"], "domain", DEFAULT_DOMAIN, roles["admin"])
    _grant(work, users["demo"], "project", projects["demo"], roles["member"])
    for role in ("admin", SERVICE_ROLE):
        _grant(work, users[wanted.service_user], "project", projects["service"], roles[role])
    _grant(work, users[wanted.service_user], "system", SYSTEM, roles["reader"])  # it reads everybody's limits
    _catalog(work, wanted)


def _domain(work: Work) -> None:
    if store.PROJECTS.get(work.tx, id=DEFAULT_DOMAIN) is None:
        domain = Project(
            id=DEFAULT_DOMAIN,
            name="Default",
            domain_id="",
            parent_id="",
            is_domain=True,
            description="The default domain",
        )
        store.PROJECTS.add(work.tx, domain)


def _project(work: Work, name: str) -> str:
    if known := store.PROJECTS.get(work.tx, domain_id=DEFAULT_DOMAIN, name=name):
        return known.id
    project = Project(id=new_hex_id(), name=name, domain_id=DEFAULT_DOMAIN, parent_id=DEFAULT_DOMAIN)
    return store.PROJECTS.add(work.tx, project).id


def _role(work: Work, name: str) -> str:
    if known := store.ROLES.get(work.tx, domain_id="", name=name):
        return known.id
    return store.ROLES.add(work.tx, Role(id=new_hex_id(), name=name)).id


def _imply(work: Work, prior: str, implied: str) -> None:
    row = Implication(prior_role_id=prior, implied_role_id=implied)
    if store.IMPLICATIONS.get(work.tx, **msgspec.structs.asdict(row)) is None:
        store.IMPLICATIONS.add(work.tx, row)


def _user(work: Work, name: str, password_hash: str | None) -> str:
    """A password that is set here ends the tokens of the one before."""
    known = store.USERS.get(work.tx, domain_id=DEFAULT_DOMAIN, name=name)
    if known is None:
        user = User(id=new_hex_id(), name=name, domain_id=DEFAULT_DOMAIN, password_hash=password_hash)
        return store.USERS.add(work.tx, user).id
    if password_hash is not None:
        changed = msgspec.structs.replace(known, password_hash=password_hash, tokens_valid_from=work.now, failures=0)
        store.USERS.change(work.tx, changed)
    return known.id


def _never_lock(work: Work, user_id: str) -> None:
    """Strangers who guess at the service's name must not be able to stop the cloud; its password cannot be guessed."""
    user = store.USERS.get(work.tx, id=user_id)
    if user is not None and not user.options.get("ignore_lockout_failure_attempts"):
        options = {**user.options, "ignore_lockout_failure_attempts": True}
        store.USERS.change(work.tx, msgspec.structs.replace(user, options=options))


def _grant(work: Work, user_id: str, kind: TargetKind, target_id: str, role_id: str) -> None:
    row = Assignment(actor_kind="user", actor_id=user_id, target_kind=kind, target_id=target_id, role_id=role_id)
    if store.ASSIGNMENTS.get(work.tx, **msgspec.structs.asdict(row)) is None:
        store.ASSIGNMENTS.add(work.tx, row)


def _catalog(work: Work, wanted: Bootstrap) -> None:
    if store.REGIONS.get(work.tx, id=wanted.region) is None:
        store.REGIONS.add(work.tx, Region(id=wanted.region))
    for entry in wanted.services:
        service = store.SERVICES.get(work.tx, type=entry.type, name=entry.name)
        if service is None:
            service = store.SERVICES.add(work.tx, Service(id=new_hex_id(), type=entry.type, name=entry.name))
        for interface in INTERFACES:
            _endpoint(work, wanted.region, service.id, interface, entry.url)


def _endpoint(work: Work, region: str, service_id: str, interface: str, url: str) -> None:
    known = store.ENDPOINTS.get(work.tx, service_id=service_id, interface=interface, region_id=region)
    if known is None:
        made = Endpoint(id=new_hex_id(), url=url, service_id=service_id, interface=interface, region_id=region)
        store.ENDPOINTS.add(work.tx, made)
    elif known.url != url:
        store.ENDPOINTS.change(work.tx, msgspec.structs.replace(known, url=url))
