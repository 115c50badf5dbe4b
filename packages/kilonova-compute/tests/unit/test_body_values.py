"""Values of request bodies: what passes and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from kilonova_compute.api.types.values import (
    Hostname,
    Name,
    Tag,
    as_bool,
    as_positive,
    check_address,
    check_metadata,
    check_short_hostname,
)
from kilonova_kit.errors import BadRequest


@pytest.mark.parametrize("given", ["a", "web 1", "Üñí", "服务器", "x" * 255])
def test_a_name_may_be_any_printable_text(given: str) -> None:
    assert msgspec.convert(given, Name) == given


@pytest.mark.parametrize("given", ["", " a", "a ", "a\n", "\x00", "a\x07b", "x" * 256, 1, None])
def test_a_name_is_refused(given: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Name)


@pytest.mark.parametrize("given", ["", "a,b", "a/b", "x" * 61])
def test_a_tag_is_refused(given: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Tag)


@pytest.mark.parametrize(("given", "kind"), [("a b", Hostname), ("", Hostname), ("é", Hostname)])
def test_a_hostname_is_refused(given: str, kind: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, kind)


@pytest.mark.parametrize("given", ["a", "a.b", "-ab", "ab-", "x" * 64])
def test_a_short_hostname_is_refused(given: str) -> None:
    with pytest.raises(BadRequest):
        check_short_hostname(given)


def test_booleans_are_read_as_the_api_spells_them() -> None:
    assert [as_bool("x", given) for given in (True, "True", "1", "on", "YES")] == [True] * 5
    assert [as_bool("x", given) for given in (False, "FALSE", "0", "Off", "no")] == [False] * 5
    for wrong in ("perhaps", "", 1, 0):
        with pytest.raises(BadRequest, match="is not a boolean"):
            as_bool("x", wrong)


def test_counts_may_come_as_text() -> None:
    assert (as_positive("n", 2), as_positive("n", "3")) == (2, 3)
    for wrong in (0, "0", "-1", "x", ""):
        with pytest.raises(BadRequest):
            as_positive("n", wrong)


def test_addresses_come_in_their_shortest_form() -> None:
    assert check_address("ip", "2001:0db8:0::0001") == "2001:db8::1"
    for wrong, version in (("1.2.3", None), ("1.2.3.4", 6), ("::1", 4), ("", None)):
        with pytest.raises(BadRequest):
            check_address("ip", wrong, version)


@pytest.mark.parametrize("given", [{"": "x"}, {"k" * 256: "x"}, {"k": "v" * 256}, {"k": 1}, {"k/": "x"}, {"k": None}])
def test_metadata_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        check_metadata(given)
