"""The part of JSON Schema that the API needs, in the words its clients know."""

import pytest
from kilonova_placement.api import schemas
from kilonova_placement.api.shapes import find_flaw

_UUID = "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("value", "schema", "words"),
    [
        ({}, schemas.RESOURCE_CLASS, "'name' is a required property"),
        ({"name": 1}, schemas.RESOURCE_CLASS, "1 is not of type 'string'"),
        ({"name": "GOLD"}, schemas.RESOURCE_CLASS, "'GOLD' does not match '^CUSTOM_[A-Z0-9_]+$'"),
        ({"name": "CUSTOM_" + "A" * 250}, schemas.RESOURCE_CLASS, "is too long"),
        ({"name": "CUSTOM_A", "x": 1}, schemas.RESOURCE_CLASS, "('x' was unexpected)"),
        ({"total": 0}, schemas.UPDATE_INVENTORY, "'resource_provider_generation' is a required property"),
        ({"total": 0, "resource_provider_generation": 1}, schemas.UPDATE_INVENTORY, "0 is less than the minimum of 1"),
        ({"total": True, "resource_provider_generation": 1}, schemas.UPDATE_INVENTORY, "is not of type 'integer'"),
        (["x"], schemas.set_aggregates((1, 1)), "'x' is not a 'uuid'"),
        ([_UUID, _UUID], schemas.set_aggregates((1, 1)), "has non-unique elements"),
        ({}, schemas.post_allocations((1, 13)), "{} should be non-empty"),
        ({"x": 1}, schemas.post_allocations((1, 13)), "'x' does not match any of the regexes"),
        ({}, schemas.list_candidates((1, 24)), "'resources' is a required property"),
        ({"resources01": "VCPU:1"}, schemas.list_candidates((1, 32)), "does not match any of the regexes"),
        ({"group_policy": "x"}, schemas.list_candidates((1, 25)), "'x' is not one of ['none', 'isolate']"),
        ({"limit": "0"}, schemas.list_candidates((1, 33)), "'0' does not match"),
    ],
)
def test_a_wrong_shape_is_said_in_words(value, schema, words):
    assert words in str(find_flaw(value, schema))


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({"name": "CUSTOM_A"}, schemas.RESOURCE_CLASS),
        ({"resources_COMPUTE": "VCPU:1", "same_subtree": "_A"}, schemas.list_candidates((1, 36))),
        ({"name": "x", "parent_provider_uuid": None}, schemas.update_provider((1, 14))),
    ],
)
def test_a_right_shape_has_no_flaw(value, schema):
    assert find_flaw(value, schema) is None


def test_a_flaw_says_which_rule_and_where():
    flaw = str(find_flaw({"total": 0, "resource_provider_generation": 1}, schemas.UPDATE_INVENTORY))
    assert "Failed validating 'minimum' in schema['properties']['total']" in flaw
    assert "On instance['total']" in flaw
