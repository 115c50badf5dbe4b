"""Users, their passwords, and what ends their tokens: a new password, being disabled, being deleted."""

from __future__ import annotations

import re

import msgspec
from kilonova_kit.errors import BadRequest
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding, removing
from kilonova_neighbours.identity.app.authentication import check_password, refused
from kilonova_neighbours.identity.app.changes import Values, changed, kept_options
from kilonova_neighbours.identity.app.identity import IdentityApp
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.users import User


async def create(app: IdentityApp, values: Values, extra: Values) -> User:
    values = dict(values)
    password = values.pop("password", None)
    if password is not None:
        refuse_weak(app, password)
        values["password_hash"] = await app.passwords.hash(password)
    return await app.write(_create, values, extra)


def _create(work: Work, values: Values, extra: Values) -> User:
    finding.domain(work, values["domain_id"])
    _refuse_default(work, values.get("default_project_id"))
    name, domain_id = values["name"], values["domain_id"]
    finding.refuse_taken(store.USERS.get(work.tx, name=name, domain_id=domain_id), "user", name, domain_id)
    values["options"] = kept_options(values.get("options"))
    return store.USERS.add(work.tx, User(id=new_hex_id(), extra=extra, **values))


def _refuse_default(work: Work, project_id: str | None) -> None:
    """Raises BadRequest for a domain; a project that does not exist is no use, but no harm either (as in Keystone)."""
    project = store.PROJECTS.get(work.tx, id=project_id) if project_id else None
    if project is not None and project.is_domain:
        raise BadRequest("User's default project ID cannot be a domain ID: " + project.id)


async def change(app: IdentityApp, user_id: str, values: Values, extra: Values) -> User:
    """An administrator's update; a new password ends the user's tokens."""
    values = dict(values)
    if "password" in values:
        password = values.pop("password")
        if password is not None:
            refuse_weak(app, password)
        values["password_hash"] = await app.passwords.hash(password) if password is not None else None
    return await app.write(_change, user_id, values, extra)


def _change(work: Work, user_id: str, values: Values, extra: Values) -> User:
    user = finding.user(work, user_id)
    if values.pop("domain_id", user.domain_id) != user.domain_id:
        raise BadRequest("Changing the domain of a user is not allowed.")
    _refuse_default(work, values.get("default_project_id"))
    name = values.get("name", user.name)
    if name != user.name:
        taken = store.USERS.get(work.tx, name=name, domain_id=user.domain_id)
        finding.refuse_taken(taken, "user", name, user.domain_id)
    disabled = user.enabled and values.get("enabled") is False
    if "password_hash" in values:
        values |= {"former_hashes": _former(work, user), "failures": 0}
    if disabled or "password_hash" in values:
        values["tokens_valid_from"] = work.now
    return store.USERS.change(work.tx, changed(user, values, extra))


def _former(work: Work, user: User) -> list[str]:
    kept = max(work.settings.unique_last_password_count - 1, 0)
    return [known for known in (user.password_hash, *user.former_hashes) if known][:kept]


async def change_own_password(app: IdentityApp, user_id: str, original: str, password: str) -> None:
    """Who knows the old password may set a new one, with or without a token. Raises Unauthenticated, BadRequest."""
    user = await check_password(app, await app.read(_usable, user_id), original, asked=user_id)
    if user.options.get("lock_password"):
        raise BadRequest("The password of this user cannot be changed by the user.")
    refuse_weak(app, password)
    await _refuse_former(app, user, password)
    await app.write(_set_password, user.id, user.password_hash, await app.passwords.hash(password))


def _usable(work: Work, user_id: str) -> User | None:
    user = store.USERS.get(work.tx, id=user_id, enabled=True)
    domain = store.PROJECTS.get(work.tx, id=user.domain_id, enabled=True) if user else None
    return user if domain else None


def _set_password(work: Work, user_id: str, known_hash: str | None, new_hash: str) -> None:
    """Refused when another change came in between: the original password was checked against an older hash."""
    user = finding.user(work, user_id)
    if user.password_hash != known_hash:
        raise refused("the password changed meanwhile")
    new = {"password_hash": new_hash, "former_hashes": _former(work, user), "tokens_valid_from": work.now}
    store.USERS.change(work.tx, msgspec.structs.replace(user, **new))


async def _refuse_former(app: IdentityApp, user: User, password: str) -> None:
    count = app.settings.unique_last_password_count
    for known in [user.password_hash, *user.former_hashes][:count]:
        if known and await app.passwords.check(known, password):
            raise BadRequest(
                "Changes to the new password cannot be identical to a previous password. "
                f"The number of previous passwords that must be unique is: {count}."
            )


def refuse_weak(app: IdentityApp, password: str) -> None:
    if app.settings.password_regex and not re.match(app.settings.password_regex, password):
        raise BadRequest("The password does not match the requirements of this cloud.")


def delete(work: Work, user_id: str) -> None:
    removing.user(work, finding.user(work, user_id))


def show(work: Work, user_id: str) -> User:
    return finding.user(work, user_id)


def find(work: Work, equals: Values) -> list[User]:
    return store.USERS.find(work.tx, **equals)
