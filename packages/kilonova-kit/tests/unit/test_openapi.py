"""The documents say what the table says, at the version asked for."""

from typing import Annotated

import msgspec
import pytest
from kilonova_kit.http.faults import compute_faults
from kilonova_kit.http.microversions import Microversions
from kilonova_kit.http.openapi import openapi_document
from kilonova_kit.http.operations import Change, Operation, Service
from kilonova_kit.http.policy import Policy, anyone, member
from kilonova_kit.http.versioned import since, until


class Sail(msgspec.Struct):
    """A part of a boat."""

    area: int
    cloth: Annotated[str, since(1, 4)] = "canvas"


class NewBoat(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    sails: list[Sail] = []
    oars: Annotated[int, until(1, 3)] = 2


class BoatQuery(msgspec.Struct):
    name: list[str] = []
    colour: Annotated[str | None, since(1, 2)] = None


async def make_boat(call: object) -> None:
    """Make a boat, and float it."""


def operation(name, method, path, **more):
    return Operation(
        name=name, method=method, path=path, handler=make_boat, policy=Policy(f"boats:{name}", member), **more
    )


SERVICE = Service(
    name="boats",
    prefix="/boats",
    base_path="/v1",
    operations=(
        operation("boats.list", "GET", "/boats", query=BoatQuery, returns=list[NewBoat]),
        operation("boats.create", "POST", "/boats", takes=NewBoat, returns=NewBoat, status=202),
        operation("boats.sink", "DELETE", "/boats/{boat_id}", status=204, since=(1, 2), until=(1, 4)),
        operation("boats.cargo", "PUT", "/boats/{boat_id:word}/cargo", takes=bytes, status=204),
        Operation(name="versions", method="GET", path="//", handler=make_boat, policy=Policy("v", anyone), public=True),
    ),
    faults=compute_faults,
    microversions=Microversions(service_type="boats", minimum=(1, 1), maximum=(1, 4)),
    changes=(Change(version=(1, 4), operations=frozenset({"boats.list"}), summary="sails were a number."),),
)


def document(minor):
    return openapi_document(SERVICE, (1, minor), release="1")


def fields(minor, name):
    return set(document(minor)["components"]["schemas"][name]["properties"])


def test_an_operation_is_told_of_only_at_the_versions_that_it_serves():
    told = [minor for minor in (1, 2, 3, 4) if "/v1/boats/{boat_id}" in document(minor)["paths"]]
    assert told == [2, 3]


def test_a_field_is_told_of_only_at_the_versions_that_have_it():
    assert fields(2, "NewBoat") == {"name", "sails", "oars"}
    assert fields(3, "NewBoat") == {"name", "sails"}
    assert [fields(minor, "Sail") for minor in (3, 4)] == [{"area"}, {"area", "cloth"}]


def test_a_query_parameter_is_told_of_only_at_the_versions_that_have_it():
    def names(minor):
        listed = document(minor)["paths"]["/v1/boats"]["get"]["parameters"]
        return [parameter["name"] for parameter in listed if parameter.get("in") == "query"]

    assert names(1) == ["name"]
    assert names(2) == ["name", "colour"]


def test_the_constraints_of_a_type_are_in_its_schema():
    schema = document(4)["components"]["schemas"]["NewBoat"]
    assert schema["required"] == ["name"]
    assert schema["properties"]["name"]["minLength"] == 1


def test_a_change_of_shape_is_told_in_words_to_older_versions():
    assert "sails were a number" in document(3)["paths"]["/v1/boats"]["get"]["description"]
    assert "sails were a number" not in document(4)["paths"]["/v1/boats"]["get"]["description"]


def test_what_may_be_refused_follows_from_the_operation():
    paths = document(3)["paths"]
    assert set(paths["/v1/boats"]["post"]["responses"]) == {"202", "400", "401", "403", "406", "409", "413", "415"}
    assert set(paths["/v1/boats/{boat_id}"]["delete"]["responses"]) == {"204", "401", "403", "404", "406", "409"}
    assert set(paths["/"]["get"]["responses"]) == {"200", "406"}


def test_a_public_operation_needs_no_token():
    paths = document(3)["paths"]
    assert paths["/"]["get"]["security"] == []
    assert "security" not in paths["/v1/boats"]["get"]


def test_an_error_is_shown_in_the_words_of_the_service():
    example = document(3)["components"]["responses"]["404"]["content"]["application/json"]["example"]
    assert example["itemNotFound"]["code"] == 404


def test_the_path_variables_are_required_and_their_converters_left_out():
    put = document(3)["paths"]["/v1/boats/{boat_id}/cargo"]["put"]
    assert put["parameters"][0] == {"name": "boat_id", "in": "path", "required": True, "schema": {"type": "string"}}
    assert list(put["requestBody"]["content"]) == ["application/octet-stream"]


@pytest.mark.parametrize("minor", [1, 2, 3, 4])
def test_every_reference_leads_somewhere(minor):
    whole = document(minor)
    for reference in references(whole):
        found = whole
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for below in value.values():
            yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)
