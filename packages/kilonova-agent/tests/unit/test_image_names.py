"""What the cache has, by the ids of images."""

import os

from kilonova_agent.image_names import ImageNames
from kilonova_messages.reports import MOST_IMAGES


def make_file(cache, name="sha256-00.raw"):
    (cache / name).write_bytes(b"whole")
    return cache / name


def test_a_name_without_its_file_says_nothing_and_is_removed_at_the_next_start(tmp_path):
    names, file = ImageNames(tmp_path), make_file(tmp_path)
    assert names.known() == ()
    assert names.note("i", file)
    assert names.known() == ("i",)
    file.unlink()
    assert names.known() == ()
    ImageNames(tmp_path).tidy()
    assert list((tmp_path / "by-id").iterdir()) == []


def test_a_name_follows_its_image_to_another_file(tmp_path):
    names = ImageNames(tmp_path)
    assert names.note("i", make_file(tmp_path, "one.raw"))
    assert not names.note("i", tmp_path / "one.raw")
    assert names.note("i", make_file(tmp_path, "two.raw"))
    assert (tmp_path / "by-id" / "i").resolve() == tmp_path / "two.raw"


def test_an_id_that_reaches_beyond_its_place_is_not_noted(tmp_path):
    names, file = ImageNames(tmp_path), make_file(tmp_path)
    for evil in ("../evil", "", ".hidden", "a/b", "x" * 65):
        assert not names.note(evil, file)
    assert names.known() == ()


def test_of_very_many_images_the_newest_are_named(tmp_path):
    names, file = ImageNames(tmp_path), make_file(tmp_path)
    for number in range(MOST_IMAGES + 2):
        names.note(f"i{number}", file)
        os.utime(tmp_path / "by-id" / f"i{number}", (number, number), follow_symlinks=False)
    assert len(names.known()) == MOST_IMAGES
    assert {"i0", "i1"}.isdisjoint(names.known())


def test_a_disk_that_takes_no_name_costs_only_the_name(tmp_path, caplog):
    (tmp_path / "by-id").write_text("in the way")
    names = ImageNames(tmp_path)
    assert not names.note("i", make_file(tmp_path))
    assert "cannot be written down" in caplog.text
