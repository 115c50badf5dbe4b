"""Who may call what: every operation of the table, by a stranger, by a member, by a service."""

import pytest
from kilonova_placement.service import SERVICE

_PUBLIC = {"root"}
#: Refused even to administrators, as by default at the real service.
_ONLY_SERVICES = {"reshaper:reshape"}
_SAMPLE = {
    "{uuid}": "00000000-0000-0000-0000-000000000001",
    "{provider_id}": "00000000-0000-0000-0000-000000000001",
    "{claim_id}": "c1",
    "{consumer_uuid}": "aaaa",
    "{name}": "VCPU",
    "{resource_class}": "VCPU",
}


def _path(operation):
    path = operation.path.removeprefix("//") if operation.path.startswith("//") else operation.path
    for name, value in _SAMPLE.items():
        path = path.replace(name, value)
    return path or "/"


@pytest.mark.parametrize("operation", SERVICE.operations, ids=lambda operation: operation.name)
@pytest.mark.parametrize(("token", "status"), [("", 401), ("nonsense", 401), ("reader", 403), ("member", 403)])
async def test_only_services_and_administrators_may(placement, operation, token, status):
    headers = {"OpenStack-API-Version": "placement latest"}
    reply = await placement.http.request(operation.method, _path(operation), headers=headers, token=token)
    assert reply.status == (200 if operation.name in _PUBLIC else status)
    if not reply.ok:
        assert reply.json()["errors"][0]["status"] == status


@pytest.mark.parametrize("operation", SERVICE.operations, ids=lambda operation: operation.name)
@pytest.mark.parametrize("token", ["service", "admin"])
async def test_services_and_administrators_are_let_in(placement, operation, token):
    headers = {"OpenStack-API-Version": "placement latest"}
    reply = await placement.http.request(operation.method, _path(operation), headers=headers, token=token)
    if token == "admin" and operation.name in _ONLY_SERVICES:
        assert reply.status == 403
    else:
        assert reply.status not in (401, 403, 500)


async def test_a_reader_sees_the_usage_of_the_own_project_only(placement):
    headers = {"OpenStack-API-Version": "placement latest"}
    own = await placement.http.request("GET", "/usages?project_id=p", headers=headers, token="reader")
    assert (own.status, own.json()) == (200, {"usages": {}})
    other = await placement.http.request("GET", "/usages?project_id=other", headers=headers, token="reader")
    assert other.status == 403
