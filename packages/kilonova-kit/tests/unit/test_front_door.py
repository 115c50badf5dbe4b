"""One port, many services: prefixes, health, and what is there."""

import msgspec
from kilonova_kit.http.client import InProcess, ServiceClient
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.faults import image_faults
from kilonova_kit.http.operations import Operation, Service
from kilonova_kit.http.policy import Policy, PolicyBook, anyone
from kilonova_kit.http.serving import FrontDoor


class Nobody:
    async def identify(self, token):
        return None


async def echo(call):
    return {"path": call.own_url}


def door(missing, rewrite=None):
    async def ready():
        return missing

    operation = Operation(name="echo", method="GET", path="/x", handler=echo, policy=Policy("e", anyone), public=True)
    service = Service(
        name="image", prefix="/image", base_path="/v2", operations=(operation,), faults=image_faults, rewrite=rewrite
    )
    front = FrontDoor(ready, "1.2.3")
    front.mount(Edge(service, None, Nobody(), PolicyBook(), "https://cloud.example"))
    return ServiceClient(InProcess(front, ""))


async def test_a_prefix_leads_to_its_service_and_links_say_the_public_url():
    reply = await door([]).request("GET", "/image/v2/x")
    assert reply.json() == {"path": "https://cloud.example/image/v2/x"}


async def test_a_service_may_rewrite_old_paths():
    client = door([], rewrite=lambda path: path.replace("/v1", "/v2"))
    assert (await client.request("GET", "/image/v1/x")).status == 200


async def test_the_root_says_what_is_there():
    reply = await door([]).request("GET", "/")
    assert reply.json()["services"] == {"image": "/image"}
    assert reply.json()["kilonova"] == "1.2.3"


async def test_health_is_not_readiness():
    client = door(["the bus is not connected"])
    assert (await client.request("GET", "/healthz")).status == 200
    waiting = await client.request("GET", "/readyz")
    assert (waiting.status, waiting.body) == (503, b"the bus is not connected\n")
    assert (await door([]).request("GET", "/readyz")).status == 200


async def test_metrics_are_for_prometheus():
    client = door([])
    await client.request("GET", "/image/v2/x")
    reply = await client.request("GET", "/metrics")
    assert b"kilonova_http_requests_total{" in reply.body


async def test_an_unknown_prefix_is_not_found():
    reply = await door([]).request("GET", "/volume/v3")
    assert reply.status == 404
    assert msgspec.json.decode(reply.body)["error"]["code"] == 404
