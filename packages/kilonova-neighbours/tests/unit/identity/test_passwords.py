"""Passwords: what is remembered, and for how long."""

from __future__ import annotations

from kilonova_neighbours.identity.app.passwords import Passwords


async def test_a_right_password_is_right_and_a_wrong_one_wrong() -> None:
    passwords = Passwords(lambda: 0.0, 300)
    known = await passwords.hash("secret")
    assert known.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.check(known, "secret")
    assert await passwords.check(known, "secret")
    assert not await passwords.check(known, "Secret")


async def test_nobody_has_a_password() -> None:
    assert not await Passwords(lambda: 0.0, 300).check(None, "secret")
    assert not await Passwords(lambda: 0.0, 300).check("no hash at all", "secret")


async def test_a_remembered_password_does_not_fit_another_hash() -> None:
    passwords = Passwords(lambda: 0.0, 300)
    old, new = await passwords.hash("secret"), await passwords.hash("other")
    assert await passwords.check(old, "secret")
    assert not await passwords.check(new, "secret")
