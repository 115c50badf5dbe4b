"""The edge, spoken to as a client would: versions, identities, policies, bodies, errors."""

from typing import Annotated

import msgspec
import pytest
from kilonova_kit.errors import Conflict, NotFound
from kilonova_kit.http.client import InProcess, ServiceClient
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.faults import compute_faults
from kilonova_kit.http.identity import AccessRule, Identity
from kilonova_kit.http.microversions import Microversions
from kilonova_kit.http.operations import Answer, Change, Operation, Service
from kilonova_kit.http.policy import Policy, PolicyBook, admin, anyone, member, reader
from kilonova_kit.http.versioned import since, until


class Thing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
    size: int = 1
    colour: Annotated[str, since(2, 5)] = "red"
    smell: Annotated[str, until(2, 7)] = "none"


class ThingBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    thing: Thing


class ListQuery(msgspec.Struct, kw_only=True):
    limit: Annotated[int, msgspec.Meta(ge=0)] | None = None
    tag: list[str] = []
    new: Annotated[str, since(2, 6)] = ""


class Users:
    """An Authenticator over a fixed table."""

    async def identify(self, token):
        roles = {
            "root": {"admin", "member", "reader"},
            "user": {"member", "reader"},
            "guest": {"reader"},
            "program": {"member", "reader"},
            "service": {"service"},
        }.get(token)
        rules = (AccessRule("compute", "GET", "/v2.1/things"),) if token == "program" else None
        return (
            None
            if roles is None
            else Identity(user_id=token, project_id="p", roles=frozenset(roles), expires_at=9e9, access_rules=rules)
        )


async def show(call):
    if call.path["name"] == "gone":
        raise NotFound("there is no such thing")
    if call.path["name"] == "bug":
        raise ZeroDivisionError
    return ThingBody(thing=Thing(name=call.path["name"]))


async def create(call):
    if call.body.thing.name == "taken":
        raise Conflict("it is taken")
    return ThingBody(thing=call.body.thing)


async def listed(call):
    return {"limit": call.query.limit, "tags": call.query.tag, "new": call.query.new, "url": call.own_url}


async def hello(call):
    return {"hello": "there"}


async def download(call):
    async def chunks():
        yield b"one,"
        yield b"two"

    return Answer(stream=chunks(), content_type="text/plain", headers={"X-Kind": "stream"})


async def remove(call):
    return None


def table():
    def operation(name, method, path, handler, rule, **more):
        return Operation(name=name, method=method, path=path, handler=handler, policy=Policy(f"t:{name}", rule), **more)

    return (
        operation("root", "GET", "//", hello, anyone, public=True),
        operation("list", "GET", "/things", listed, reader, query=ListQuery, strict_query=(2, 8)),
        operation("show", "GET", "/things/{name}", show, reader),
        operation("create", "POST", "/things", create, member, takes=ThingBody, status=201, body_limit=500),
        operation("roomy", "POST", "/roomy", create, member, takes=ThingBody, body_limit=10**6),
        operation("delete", "DELETE", "/things/{name}", remove, admin, status=204),
        operation("download", "GET", "/things/{name}/file", download, reader),
        operation("late", "GET", "/late", hello, reader, since=(2, 4)),
        operation("early", "GET", "/early", hello, reader, until=(2, 4), gone_status=410),
    )


def older(plain, version):
    plain["thing"]["size"] = str(plain["thing"]["size"])


def newer(plain, version):
    plain["thing"]["size"] = plain["thing"].get("size", 0) * 2


@pytest.fixture
def client():
    service = Service(
        name="compute",
        prefix="/compute",
        base_path="/v2.1",
        operations=table(),
        faults=compute_faults,
        microversions=Microversions(
            service_type="compute", minimum=(2, 1), maximum=(2, 9), legacy_header="X-OpenStack-Nova-API-Version"
        ),
        changes=(
            Change(
                version=(2, 3),
                operations=frozenset({"show", "create"}),
                summary="",
                older_answer=older,
                newer_request=newer,
            ),
        ),
    )
    edge = Edge(service, None, Users(), PolicyBook())
    return ServiceClient(InProcess(edge.asgi, "/compute"))


def at(version):
    return {"OpenStack-API-Version": f"compute {version}"}


async def test_a_stranger_is_told_to_sign_in(client):
    reply = await client.request("GET", "/v2.1/things/a")
    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("Keystone uri=")


async def test_a_bad_token_is_no_token(client):
    assert (await client.request("GET", "/v2.1/things/a", token="forged")).status == 401


async def test_a_public_operation_needs_no_token(client):
    assert (await client.request("GET", "/")).status == 200


async def test_too_small_a_role_is_refused_before_the_body_is_read(client):
    reply = await client.request("POST", "/v2.1/things", json={"nonsense": 1}, token="guest")
    assert reply.status == 403
    assert reply.json()["forbidden"]["message"] == "Policy doesn't allow t:create to be performed."


async def test_a_version_is_echoed_with_vary(client):
    reply = await client.request("GET", "/v2.1/things/a", token="user", headers=at("2.5"))
    assert reply.headers["openstack-api-version"] == "compute 2.5"
    assert reply.headers["x-openstack-nova-api-version"] == "2.5"
    assert "X-OpenStack-Nova-API-Version" in reply.headers["vary"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [("2.0", 406), ("2.10", 406), ("3.0", 406), ("two", 400), ("2", 400), ("2.01", 400), ("latest", 200)],
)
async def test_versions_that_are_not_served_are_refused(client, asked, status):
    reply = await client.request("GET", "/v2.1/things/a", token="user", headers=at(asked))
    assert reply.status == status


async def test_the_older_header_asks_as_well(client):
    reply = await client.request("GET", "/v2.1/things/a", token="user", headers={"X-OpenStack-Nova-API-Version": "2.6"})
    assert reply.headers["openstack-api-version"] == "compute 2.6"


async def test_no_version_is_the_first_one(client):
    reply = await client.request("GET", "/v2.1/things/a", token="user")
    assert reply.json() == {"thing": {"name": "a", "size": "1", "smell": "none"}}


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("2.3", {"name", "size", "smell"}),
        ("2.5", {"name", "size", "colour", "smell"}),
        ("2.7", {"name", "size", "colour"}),
    ],
)
async def test_an_answer_shows_what_its_version_knows(client, version, fields):
    reply = await client.request("GET", "/v2.1/things/a", token="user", headers=at(version))
    assert set(reply.json()["thing"]) == fields


async def test_a_field_from_the_future_is_unknown(client):
    body = {"thing": {"name": "a", "colour": "blue"}}
    refused = await client.request("POST", "/v2.1/things", json=body, token="user", headers=at("2.4"))
    assert refused.status == 400
    assert "'colour' was unexpected" in refused.json()["badRequest"]["message"]
    assert (await client.request("POST", "/v2.1/things", json=body, token="user", headers=at("2.5"))).status == 201


async def test_a_field_of_the_past_is_unknown(client):
    body = {"thing": {"name": "a", "smell": "sweet"}}
    assert (await client.request("POST", "/v2.1/things", json=body, token="user", headers=at("2.7"))).status == 400


async def test_an_older_request_is_walked_up_and_the_answer_down(client):
    body = {"thing": {"name": "a", "size": 3}}
    old = await client.request("POST", "/v2.1/things", json=body, token="user", headers=at("2.2"))
    assert old.json()["thing"]["size"] == "6"
    new = await client.request("POST", "/v2.1/things", json=body, token="user", headers=at("2.3"))
    assert new.json()["thing"]["size"] == 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"thing": {"name": 7}}, "attribute name. Value: 7."),
        ({"thing": {"name": ""}}, "attribute name. Value: ."),
        ({"thing": {}}, "'name' is a required property"),
        ({"thing": {"name": "a", "x": 1}}, "'x' was unexpected"),
        ({}, "'thing' is a required property"),
    ],
)
async def test_a_bad_body_is_refused_with_the_fields_name(client, body, words):
    reply = await client.request("POST", "/v2.1/things", json=body, token="user", headers=at("2.9"))
    assert reply.status == 400
    assert words in reply.json()["badRequest"]["message"]


async def test_numbers_in_strings_pass_as_numbers(client):
    body = {"thing": {"name": "a", "size": "12"}}
    reply = await client.request("POST", "/v2.1/things", json=body, token="user", headers=at("2.9"))
    assert reply.json()["thing"]["size"] == 12


async def test_a_large_body_is_refused(client):
    reply = await client.request("POST", "/v2.1/things", json={"thing": {"name": "a" * 600}}, token="user")
    assert reply.status == 413


async def test_another_content_type_is_refused(client):
    reply = await client.request(
        "POST", "/v2.1/things", json={"thing": {"name": "a"}}, token="user", headers={"Content-Type": "text/xml"}
    )
    assert reply.status == 415


async def test_a_missing_body_is_refused(client):
    assert (await client.request("POST", "/v2.1/things", token="user")).status == 400


async def test_query_parameters_become_typed_and_may_repeat(client):
    reply = await client.request("GET", "/v2.1/things?limit=5&tag=a&tag=b", token="user")
    assert reply.json() == {"limit": 5, "tags": ["a", "b"], "new": "", "url": "http://localhost/compute/v2.1/things"}


@pytest.mark.parametrize(("version", "status"), [("2.7", 200), ("2.8", 400)])
async def test_unknown_parameters_are_refused_only_where_the_api_says_so(client, version, status):
    reply = await client.request("GET", "/v2.1/things?odd=1", token="user", headers=at(version))
    assert reply.status == status


async def test_a_parameter_from_the_future_is_ignored(client):
    reply = await client.request("GET", "/v2.1/things?new=x", token="user", headers=at("2.5"))
    assert reply.json()["new"] == ""


async def test_a_bad_parameter_is_refused(client):
    assert (await client.request("GET", "/v2.1/things?limit=-1", token="user")).status == 400
    assert (await client.request("GET", "/v2.1/things?limit=x", token="user")).status == 400


@pytest.mark.parametrize(
    ("path", "version", "status"),
    [
        ("/late", "2.3", 404),
        ("/late", "2.4", 200),
        ("/early", "2.3", 200),
        ("/early", "2.4", 410),
        ("/never", "2.4", 404),
    ],
)
async def test_operations_come_and_go_with_versions(client, path, version, status):
    reply = await client.request("GET", f"/v2.1{path}", token="user", headers=at(version))
    assert reply.status == status


async def test_another_method_is_not_allowed(client):
    assert (await client.request("PUT", "/v2.1/things", json={}, token="root")).status == 405


async def test_a_slash_at_the_end_is_forgiven_only_where_something_answers(client):
    assert (await client.request("GET", "/v2.1/things/", token="root")).status == 200
    assert (await client.request("PUT", "/v2.1/things/", json={}, token="root")).status == 404


async def test_head_answers_as_get_without_a_body(client):
    assert (await client.request("HEAD", "/v2.1/things/a", token="user")).status == 200


async def test_errors_of_the_family_become_the_services_own(client):
    gone = await client.request("GET", "/v2.1/things/gone", token="user")
    assert (gone.status, gone.json()) == (404, {"itemNotFound": {"code": 404, "message": "there is no such thing"}})
    taken = await client.request(
        "POST", "/v2.1/things", json={"thing": {"name": "taken"}}, token="user", headers=at("2.9")
    )
    assert (taken.status, taken.json()["conflictingRequest"]["code"]) == (409, 409)


async def test_an_unforeseen_error_shows_nothing_of_its_inside(client, caplog):
    reply = await client.request("GET", "/v2.1/things/bug", token="user")
    assert reply.status == 500
    assert "ZeroDivision" not in reply.body.decode()
    assert "ZeroDivisionError" in caplog.text


async def test_the_clients_request_id_is_kept_when_it_is_one(client):
    own = "req-01234567-0123-0123-0123-0123456789ab"
    kept = await client.request("GET", "/v2.1/things/a", token="user", headers={"X-OpenStack-Request-ID": own})
    assert kept.headers["x-openstack-request-id"] == own
    forged = await client.request("GET", "/v2.1/things/a", token="user", headers={"X-OpenStack-Request-ID": "req-x\ny"})
    assert forged.headers["x-openstack-request-id"] != "req-x\ny"


async def test_a_stream_comes_piece_by_piece(client):
    reply = await client.stream("/v2.1/things/a/file", token="user")
    assert [chunk async for chunk in reply.chunks] == [b"one,", b"two"]
    assert (reply.status, reply.headers["x-kind"]) == (200, "stream")


async def test_an_operator_may_change_who_may():
    book = PolicyBook({"t:create": "role:auditor"})
    auditor = Identity(user_id="a", roles=frozenset({"auditor"}))
    assert book.allows(Policy("t:create", member), auditor)
    assert not book.allows(Policy("t:delete", admin), auditor)


async def test_a_body_that_is_nested_too_deeply_is_refused(client):
    body = b'{"thing":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    headers = {"Content-Type": "application/json", "X-Auth-Token": "user"}
    reply = await client._transport.send("POST", "/v2.1/roomy", headers, body)
    assert reply.status == 400
    assert "deeply" in reply.message()


@pytest.mark.parametrize(
    ("speaker", "status"), [(None, 401), ("program", 401), ("root", 401), ("nonsense", 401), ("service", 200)]
)
async def test_only_a_service_lifts_the_access_rules_of_an_application_credential(client, speaker, status):
    headers = {} if speaker is None else {"X-Service-Token": speaker}
    assert (await client.request("GET", "/v2.1/things", token="program", headers=headers)).status == 200
    assert (await client.request("GET", "/v2.1/things/a", token="program", headers=headers)).status == status
