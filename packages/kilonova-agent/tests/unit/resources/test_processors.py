"""Sets of processors as text, and which of them are picked."""

import pytest
from kilonova_agent.resources.processors import pick, read_processors
from kilonova_driver.errors import NoResources

CORES = ((0, 4), (1, 5), (2, 6), (3, 7))


@pytest.mark.parametrize(
    ("text", "processors"), [("0", {0}), ("2-5,^3", {2, 4, 5}), ("^0, 0-2 ,8", {1, 2, 8}), ("1,1", {1})]
)
def test_a_set_is_read(text, processors):
    assert read_processors(text) == processors


@pytest.mark.parametrize("text", ["", "a", "5-2", "^1", "1-", "0-99999999", "^1-2", "1,,2"])
def test_what_is_no_set_is_refused(text):
    with pytest.raises(ValueError, match=r"processor|range"):
        read_processors(text)


@pytest.mark.parametrize(
    ("free", "count", "policy", "chosen", "idle"),
    [
        (range(8), 2, "", {0, 4}, set()),
        (range(8), 3, "prefer", {0, 1, 4}, set()),
        ({1, 2, 6}, 1, "", {1}, set()),  # a lonely thread first: whole cores stay whole
        ({1, 2, 6}, 2, "require", {2, 6}, set()),
        (range(8), 2, "isolate", {0, 1}, {4, 5}),
        ({0, 1, 5}, 1, "isolate", {1}, {5}),
        (range(8), 0, "", set(), set()),
    ],
)
def test_siblings_are_kept_together_or_apart(free, count, policy, chosen, idle):
    got, beside = pick(CORES, set(free), count, policy)
    assert (set(got), set(beside)) == (chosen, idle)


@pytest.mark.parametrize(("free", "count", "policy"), [({0}, 2, ""), ({0, 5}, 1, "isolate")])
def test_too_few_are_told(free, count, policy):
    with pytest.raises(NoResources, match="claimed"):
        pick(CORES, free, count, policy)
