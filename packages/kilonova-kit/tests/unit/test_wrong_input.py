"""What is wrong with a body, said as the real services say it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from kilonova_kit.errors import BadRequest
from kilonova_kit.http.bodies import convert
from msgspec import Meta


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=5, pattern="^[a-z]*$")] = "x"
    size: Annotated[int, Meta(ge=1, le=9)] | None = None
    shares: dict[str, Annotated[int, Meta(ge=1)]] = {}
    names: list[str] = []
    password: Annotated[str, Meta(min_length=8)] = "long enough"


class Body(msgspec.Struct, frozen=True):
    thing: Thing


def _refusal(sent: Any) -> str:
    with pytest.raises(BadRequest) as refused:
        convert(sent, Body)
    return refused.value.message


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        ({"name": "too-long"}, "name. Value: too-long. 'too-long' is too long"),
        ({"name": ""}, "name. Value: . '' is too short"),
        ({"name": "ABC"}, "name. Value: ABC. 'ABC' does not match '^[a-z]*$'"),
        ({"name": 5}, "name. Value: 5. 5 is not of type 'string'"),
        ({"size": "many"}, "size. Value: many. 'many' is not of type 'integer', 'null'"),
        ({"size": 0}, "size. Value: 0. 0 is less than the minimum of 1"),
        ({"size": 10}, "size. Value: 10. 10 is greater than the maximum of 9"),
        ({"names": ["a", None]}, "1. Value: None. None is not of type 'string'"),
        ({"colour": "red"}, "thing. Additional properties are not allowed ('colour' was unexpected)"),
    ],
)
def test_the_field_its_value_and_the_rule_are_named(thing: dict[str, Any], words: str) -> None:
    assert _refusal({"thing": thing}) == f"Invalid input for field/attribute {words}"


def test_what_is_missing_is_named() -> None:
    assert _refusal({}) == "Invalid input for field/attribute body. 'thing' is a required property"


@pytest.mark.parametrize("thing", [{"password": "sesame"}, {"name": {"password": "sesame"}}, {"shares": {"sesame": 0}}])
def test_secrets_and_whole_objects_are_not_repeated(thing: dict[str, Any]) -> None:
    assert "sesame" not in _refusal({"thing": thing})


def test_of_a_long_value_only_the_beginning_is_repeated() -> None:
    assert len(_refusal({"thing": {"name": "n" * 100_000}})) < 3_000
