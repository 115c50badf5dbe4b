"""Requests, talked through: what a server asked for, and why one finds a host or none."""

from typing import Any

import msgspec
import pytest
from kilonova_compute.model.flavors_on_demand import OnDemand
from kilonova_compute.model.requests import RequestedLabel, ServerRequest
from kilonova_compute.store import requests as request_store
from kilonova_compute.store.tables import requests as requests_table
from kilonova_driver.types.inventory import Inventory
from kilonova_placement.model.providers import ProviderChange
from sqlalchemy import insert

EXPLAIN = "//native/v1/explain"


async def explained(cloud: Any, role: str = "admin", **question: Any) -> dict[str, Any]:
    reply = await cloud.ask("POST", EXPLAIN, question, role=role)
    assert reply.status == 200, reply.body
    return reply.json()


async def refused(cloud: Any, role: str = "member", **question: Any) -> tuple[int, str]:
    reply = await cloud.ask("POST", EXPLAIN, question, role=role)
    (error,) = reply.json().values()
    return reply.status, error["message"]


@pytest.fixture
async def kept(cloud: Any) -> str:
    """A server of the member's, asked for by an administrator on a certain host; its id."""
    server = await cloud.add_server(1)
    request = ServerRequest(
        server_id=server.id, project_id="home", user_id="u", resources={"VCPU": 2}, flavor="m1.tiny", host="alpha"
    )  # fmt: skip
    await cloud.compute.cells.database.write(lambda tx: request_store.add(tx, [request], 1.0))
    return str(server.id)


async def test_a_request_is_read_back_and_names_hosts_to_administrators_only(cloud: Any, kept: str) -> None:
    path = f"//native/v1/servers/{kept}/request"
    shown = (await cloud.get(path))["request"]
    assert (shown["resources"], shown["flavor"], shown["host"]) == ({"VCPU": 2}, "m1.tiny", "alpha")
    for role in ("member", "reader"):
        shown = (await cloud.get(path, role=role))["request"]
        assert shown["resources"] == {"VCPU": 2}
        assert not {"host", "cell", "not_hosts"} & shown.keys()
    assert (await cloud.ask("GET", path, role="stranger")).status == 404
    assert (await cloud.ask("GET", path, role=None)).status == 401


async def test_a_server_without_a_request_says_so(cloud: Any) -> None:
    server = await cloud.add_server(2)
    assert (await cloud.ask("GET", f"//native/v1/servers/{server.id}/request")).status == 404


async def test_what_fits_nowhere_names_each_constraint_and_the_nearest_miss(cloud: Any) -> None:
    await cloud.add_host("alpha", 1)
    await cloud.add_host("beta", 2, "cell2")
    found = await explained(cloud, flavor="vcpus=1,ram=9000,disk=1")
    assert found["request"]["resources"] == {"VCPU": 1, "MEMORY_MB": 9000, "DISK_GB": 1}
    explanation = found["explanation"]
    assert (explanation["hosts"], explanation["fits"], explanation["winner"]) == (2, 0, None)
    (short,) = [one for one in explanation["constraints"] if one["removed"]]
    assert (short["removed"], short["left"]) == (2, 0)
    assert "1320 MB" in short["nearest"]
    assert short["nearest_host"] in ("alpha", "beta")
    own = (await explained(cloud, "reader", flavor="vcpus=1,ram=9000"))["explanation"]
    (seen,) = [one for one in own["constraints"] if one["removed"]]
    assert (seen["nearest"], seen["nearest_host"]) == (short["nearest"], "")


async def test_what_fits_shows_the_winners_weights_and_its_name_to_administrators(cloud: Any) -> None:
    await cloud.add_host("alpha", 1)
    for flavor in ("1", "m1.tiny"):
        winner = (await explained(cloud, flavor=flavor, count=3))["explanation"]["winner"]
        assert (winner["host"], winner["cell"]) == ("alpha", "cell1")
        assert winner["weights"]
    found = (await explained(cloud, "member", flavor="m1.tiny"))["explanation"]
    assert (found["fits"], found["winner"]["host"], found["winner"]["cell"]) == (1, "", "")


async def test_a_servers_own_request_is_explained_as_if_it_were_made_now(cloud: Any, kept: str) -> None:
    await cloud.add_host("beta", 1)
    found = await explained(cloud, "member", server=kept)
    assert (found["request"]["server_id"], found["explanation"]["fits"]) == (kept, 0)
    assert [one["constraint"] for one in found["explanation"]["constraints"] if one["removed"]] == ["host"]
    assert (await cloud.ask("POST", EXPLAIN, {"server": kept}, role="stranger")).status == 404
    path = f"//native/v1/servers/{kept}/explain"
    assert await cloud.get(path, role="member") == found
    assert (await cloud.ask("GET", path, role="stranger")).status == 404


async def test_a_request_of_an_older_version_still_reads(cloud: Any) -> None:
    """As version 1 wrote it, without layout, devices and bundles."""
    server = await cloud.add_server(3)
    old = {"server_id": server.id, "project_id": "home", "user_id": "u", "resources": {"VCPU": 2}, "version": 1}
    row = {"server_id": server.id, "project_id": "home", "created_at": 1.0, "record": old}
    await cloud.compute.cells.database.write(lambda tx: tx.execute(insert(requests_table), [row]))
    shown = (await cloud.get(f"//native/v1/servers/{server.id}/request"))["request"]
    assert (shown["version"], shown["resources"], shown["layout"], shown["devices"]) == (1, {"VCPU": 2}, None, [])


async def test_a_request_may_be_given_with_cells_and_devices(cloud: Any) -> None:
    await cloud.add_host("alpha", 1)
    layout = {"cells": [{"cpus": [0, 1], "memory_mb": 64, "dedicated": [0, 1]}]}
    given = {"resources": {"DISK_GB": 1}, "layout": layout}
    found = await explained(cloud, "member", request=given)
    short = [one["constraint"] for one in found["explanation"]["constraints"] if one["removed"]]
    assert (found["request"]["layout"], short) == (layout, ["PCPU"])
    wrong = {"resources": {}, "layout": {**layout, "page_size": "huge"}}
    assert (await refused(cloud, request=wrong))[0] == 400
    near = {"resources": {}, "devices": [{"resource_class": "CUSTOM_A", "count": 1, "near": "here"}]}
    assert (await refused(cloud, request=near))[0] == 400


async def test_questions_that_make_no_sense_are_refused(cloud: Any, kept: str) -> None:
    assert await refused(cloud) == (400, "Say either 'flavor', 'server', 'request_id' or 'request'.")
    assert (await refused(cloud, server=kept, hints={"group": kept}))[0] == 400
    assert (await refused(cloud, flavor="1", hints={"group": "web"}))[0] == 400
    assert (await refused(cloud, flavor="1", server=kept))[0] == 400
    assert (await refused(cloud, server=kept, zone="nova"))[0] == 400
    assert (await refused(cloud, flavor="1", host="alpha"))[0] == 403
    assert (await refused(cloud, flavor="1", count=0))[0] == 400
    assert await refused(cloud, flavor="none") == (400, "Flavor none could not be found.")
    assert (await refused(cloud, flavor="vcpus=1"))[0] == 400
    assert (await refused(cloud, flavor="1", colour="red"))[0] == 400
    cloud.compute.flavors_on_demand = {"*": OnDemand(allowed=False)}
    assert (await refused(cloud, flavor="vcpus=1,ram=64"))[0] == 403
    await cloud.ask("POST", "/flavors/1/os-extra_specs", {"extra_specs": {"hw:tpm_version": "2.0"}})
    assert "hw:tpm_version=2.0 cannot be honoured" in (await refused(cloud, flavor="1"))[1]


async def test_what_a_request_says_of_hosts_is_for_administrators(cloud: Any) -> None:
    server = await cloud.add_server(3)
    request = ServerRequest(
        server_id=server.id, project_id="home", user_id="u", resources={"VCPU": 2}, hosts=("alpha",),
        network="10.0.0.0/8", carries=("mark",), labels=(RequestedLabel(key="disk", values=("ssd",)),),
    )  # fmt: skip
    await cloud.compute.cells.database.write(lambda tx: request_store.add(tx, [request], 1.0))
    path = f"//native/v1/servers/{server.id}/request"
    shown = (await cloud.get(path))["request"]
    assert (shown["hosts"], shown["network"], shown["carries"]) == (["alpha"], "10.0.0.0/8", ["mark"])
    own = (await cloud.get(path, role="member"))["request"]
    assert not {"hosts", "network", "carries"} & own.keys()
    assert own["labels"][0]["key"] == "disk"


async def removed_by(cloud: Any, **question: Any) -> dict[str, int]:
    """How many hosts each constraint removes for a flavor."""
    explanation = (await explained(cloud, **{"flavor": "1", **question}))["explanation"]
    return {one["constraint"]: one["removed"] for one in explanation["constraints"] if one["removed"]}


async def group_hosts(cloud: Any, name: str, hosts: list[str], **metadata: str) -> int:
    """An aggregate with these hosts and this metadata; its number."""
    made = await cloud.ask("POST", "/os-aggregates", {"aggregate": {"name": name}})
    action = f"/os-aggregates/{made.json()['aggregate']['id']}/action"
    for host in hosts:
        assert (await cloud.ask("POST", action, {"add_host": {"host": host}})).status == 200
    assert (await cloud.ask("POST", action, {"set_metadata": {"metadata": metadata}})).status == 200
    return int(made.json()["aggregate"]["id"])


async def test_hosts_that_are_for_some_projects_only_take_these_only(cloud: Any) -> None:
    for number, name in enumerate(("alpha", "beta"), 1):
        await cloud.add_host(name, number)
    number = await group_hosts(cloud, "private", ["alpha"], filter_tenant_id="elsewhere, other")
    assert await removed_by(cloud) == {"only for": 1}
    assert await removed_by(cloud, role="stranger") == {}
    action = f"/os-aggregates/{number}/action"
    await cloud.ask("POST", action, {"set_metadata": {"metadata": {"filter_tenant_id": None}}})
    assert await removed_by(cloud) == {}


async def test_a_flavor_asks_for_what_aggregates_say(cloud: Any) -> None:
    for number, name in enumerate(("alpha", "beta", "gamma"), 1):
        await cloud.add_host(name, number)
    await group_hosts(cloud, "fast", ["alpha"], disk="ssd,nvme")
    await group_hosts(cloud, "slow", ["beta"], disk="hdd")
    await cloud.ask(
        "POST", "/flavors/1/os-extra_specs", {"extra_specs": {"aggregate_instance_extra_specs:disk": "ssd"}}
    )
    assert await removed_by(cloud) == {"label disk": 2}
    explanation = (await explained(cloud, flavor="1"))["explanation"]
    assert explanation["winner"]["host"] == "alpha"
    assert "not labelled disk=ssd" in str(explanation["constraints"])


async def test_a_host_that_joins_an_aggregate_before_it_reports_is_known_there(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    number = await group_hosts(cloud, "fast", ["alpha"], disk="ssd")
    reported = msgspec.convert(host.inventory, Inventory)
    placement, rules = cloud.compute.placement, cloud.compute.aggregates.rules_of("alpha")
    await placement._client.change_provider(host.id, ProviderChange(aggregates=("said-by-an-operator",)))
    await placement.report_host(host, reported, rules)
    provider = (await cloud.compute.placement._client.get_provider(host.id)).provider
    assert set(provider.aggregates) == {*rules.aggregates, "said-by-an-operator"}
    assert provider.attributes.labels == {"disk": ("ssd",)}
    assert (
        await cloud.ask("POST", f"/os-aggregates/{number}/action", {"remove_host": {"host": "alpha"}})
    ).status == 200
    provider = (await placement._client.get_provider(host.id)).provider
    assert (provider.aggregates, provider.attributes.labels) == (("said-by-an-operator",), {})


async def test_an_aggregates_weights_count_for_its_hosts(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    await group_hosts(cloud, "packed", ["alpha"], ram_weight_multiplier="-3", max_instances_per_host="5")
    attributes = (await cloud.compute.placement._client.get_provider(host.id)).provider.attributes
    assert (attributes.multipliers, attributes.most_guests, attributes.address) == ({"ram": -3.0}, 5, "192.0.2.1")


async def test_a_request_is_explained_as_it_is_read_back(cloud: Any, kept: str) -> None:
    await cloud.add_host("alpha", 1)
    shown = (await cloud.get(f"//native/v1/servers/{kept}/request"))["request"]
    found = await explained(cloud, request=shown)
    assert (found["request"]["host"], found["explanation"]["winner"]["host"]) == ("alpha", "alpha")
    own = (await cloud.get(f"//native/v1/servers/{kept}/request", role="member"))["request"]
    found = await explained(cloud, "member", request={**own, "required_traits": ["CUSTOM_GOLD"]})
    (removed,) = [one for one in found["explanation"]["constraints"] if one["removed"]]
    assert (removed["constraint"], removed["nearest_host"]) == ("required traits", "")


async def test_a_request_of_ones_own_is_checked(cloud: Any) -> None:
    assert await refused(cloud, request={"colour": "red"}) == (400, "A request has no colour.")
    assert (await refused(cloud, request={"resources": {"VCPU": "many"}}))[0] == 400
    for name, value in (("host", "alpha"), ("not_hosts", ["alpha"]), ("carries", ["mark"]), ("network", "10.0.0.0/8")):
        assert await refused(cloud, request={name: value}) == (403, f"Only administrators may ask for {name}.")
    group = {"group_id": "11111111-0000-4000-8000-000000000009", "policy": "affinity"}
    assert (await refused(cloud, request={"group": group}))[0] == 400


async def test_a_request_is_found_by_the_id_of_the_call_that_made_it(cloud: Any) -> None:
    await cloud.add_host("alpha", 1)
    request = ServerRequest(
        server_id="s", project_id="home", user_id="u", resources={"VCPU": 9}, request_id="req-abc"
    )  # fmt: skip
    await cloud.compute.cells.database.write(lambda tx: request_store.add(tx, [request], 1.0))
    assert (await explained(cloud, "member", request_id="req-abc"))["request"]["resources"] == {"VCPU": 9}
    for role, wanted in (("member", "req-ab%"), ("stranger", "req-abc")):
        assert (await cloud.ask("POST", EXPLAIN, {"request_id": wanted}, role=role)).status == 404


async def test_hints_are_explained_too(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    await cloud.add_host("beta", 2)
    server = await cloud.add_server(4, host=host)
    assert await removed_by(cloud, hints={"different_host": [server.id]}) == {"not these hosts": 1}
    assert await removed_by(cloud, hints={"build_near_host_ip": "198.51.100.1"}) == {"network 198.51.100.0/24": 2}
    assert await removed_by(cloud, hints={"query": '[">=", "$free_ram_mb", 7600]'}) == {}
    assert await removed_by(cloud, hints={"query": '[">=", "$free_ram_mb", 7700]'}) == {"one of these hosts": 2}
