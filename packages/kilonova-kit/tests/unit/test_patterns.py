"""Regular expressions of strangers: what they match, and that none of them holds the process."""

from __future__ import annotations

import pytest
from kilonova_kit.http.access_rules import allowed
from kilonova_kit.http.identity import AccessRule
from kilonova_kit.patterns import LONGEST, check_pattern, escaped, fits, occurs

#: With Python's ``re`` each of these would outlast the test's time limit by far.
CATASTROPHES = ("^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", ".*a.*a.*a.*a.*a.*a.*a.*a.*a.*a.*a.*ab$", "^(([a-z])+.)+[A-Z]$")


def test_a_pattern_is_found_anywhere_and_fits_only_the_whole() -> None:
    assert occurs("b+", "abbc")
    assert occurs("(?i)^WEB", "web-1")
    assert not fits("b+", "abbc")
    assert fits("/v2/[^/]+", "/v2/x")
    assert fits(escaped("a.b*c"), "a.b*c")
    assert not fits(escaped("a.b"), "axb")


@pytest.mark.parametrize("pattern", CATASTROPHES)
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    check_pattern(pattern)
    assert not occurs(pattern, "a" * 60 + "!")


@pytest.mark.parametrize(
    "pattern", ["(", "[", r"(a)\1", "(?=a)a", "((a{100}){100}){100}", "\udc80", "a" * (LONGEST + 1)]
)
def test_what_is_no_pattern_is_refused_and_matches_nothing(pattern: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_pattern(pattern)
    assert not occurs(pattern, "aa")
    assert not fits(pattern, "aa")


def test_an_access_rule_of_many_stars_is_matched_at_once() -> None:
    rules = [AccessRule("compute", "GET", "/**" * 40 + "/x")]
    assert not allowed(rules, "compute", "GET", ["/" * 2000])
    assert allowed(rules, "compute", "GET", ["/" * 2000 + "x"])
