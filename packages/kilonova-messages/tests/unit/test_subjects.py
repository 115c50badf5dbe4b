from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kilonova_messages import subjects

SAFE = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
UNSAFE = ["", ".", "a.b", "*", ">", "a b", "a\n", "a\r\nPUB x", "é", "a" * 65, "a/b"]
ONE_WORD: list[Callable[[str], object]] = [
    lambda word: subjects.work(word, "h1"),
    lambda word: subjects.work("cell1", word),
    lambda word: subjects.ask("cell1", word),
    lambda word: subjects.report("cell1", word),
    lambda word: subjects.host_permissions("cell1", word),
    lambda word: subjects.host_permissions(word, "h1"),
    subjects.all_reports,
    subjects.changes,
    subjects.inbox_prefix,
]


@pytest.mark.parametrize("make", ONE_WORD)
@pytest.mark.parametrize("word", UNSAFE)
def test_a_word_that_reaches_beyond_its_place_is_refused(make: Callable[[str], object], word: str) -> None:
    with pytest.raises(ValueError, match="not fit for a subject"):
        make(word)


@pytest.mark.parametrize("make", ONE_WORD)
def test_an_ordinary_word_is_taken(make: Callable[[str], object]) -> None:
    assert make("0b3c-X_9")


@given(SAFE, SAFE)
def test_the_host_is_read_back_from_its_reports_subject(cell: str, host: str) -> None:
    assert subjects.reporting_host(subjects.report(cell, host)) == host


def test_a_host_may_use_its_own_subjects_only() -> None:
    assert subjects.host_permissions("c1", "h1") == (
        ["kn.c1.host.h1.report"],
        ["kn.c1.host.h1.work", "kn.c1.host.h1.ask", "_INBOX.h1.>"],
    )


def test_a_controller_listens_to_the_reports_of_a_whole_cell() -> None:
    assert subjects.all_reports("c1") == "kn.c1.host.*.report"
