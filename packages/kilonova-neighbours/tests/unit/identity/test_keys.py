"""The key ring: what survives a rotation, and what is never trusted."""

from __future__ import annotations

from pathlib import Path

from kilonova_neighbours.identity.app.keys import KeyRing


def ring(path: Path, most: int = 3) -> KeyRing:
    keys = KeyRing(path / "keys", most)
    keys.open()
    return keys


def test_a_text_can_be_read_until_its_key_is_dropped(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    text = keys.encrypt(b"hello")
    keys.rotate()
    assert keys.decrypt(text) == b"hello"
    keys.rotate()
    assert keys.decrypt(text) is None


def test_no_more_keys_are_kept_than_asked_for(tmp_path: Path) -> None:
    keys = ring(tmp_path, most=4)
    for _ in range(6):
        keys.rotate()
    names = sorted(int(path.name) for path in (tmp_path / "keys").iterdir())
    assert names == [0, 5, 6, 7]


def test_the_staged_key_is_known_before_it_is_used(tmp_path: Path) -> None:
    ours, theirs = ring(tmp_path), ring(tmp_path)
    ours.rotate()
    assert theirs.decrypt(ours.encrypt(b"hello")) == b"hello"


def test_keys_that_another_process_made_are_found(tmp_path: Path) -> None:
    ours, theirs = ring(tmp_path, most=5), ring(tmp_path, most=5)
    ours.rotate()
    ours.rotate()
    assert theirs.decrypt(ours.encrypt(b"hello")) == b"hello"


def test_a_changed_text_is_refused(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    text = keys.encrypt(b"hello")
    assert keys.decrypt(text[:-1] + ("A" if text[-1] != "A" else "B") + "x") is None
    assert keys.decrypt("") is None
