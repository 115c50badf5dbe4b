"""Services, hypervisors, zones and aggregates, talked through."""

from typing import Any

import pytest


async def zone_of(cloud: Any, host_id: str) -> str:
    provider = await cloud.compute.placement._client.get_provider(host_id)
    return provider.provider.zone


async def test_services_are_hosts_and_the_controllers_parts(cloud: Any) -> None:
    host = await cloud.add_host("host-a", 1)
    found = (await cloud.get("/os-services"))["services"]
    assert [one["binary"] for one in found] == ["nova-conductor", "nova-scheduler", "nova-compute"]
    assert (found[2]["id"], found[2]["state"], found[2]["zone"]) == (1, "up", "nova")
    assert "forced_down" not in found[2]
    (newer,) = (await cloud.get("/os-services?binary=nova-compute&host=host-a", version="2.53"))["services"]
    assert (newer["id"], newer["forced_down"]) == (host.id, False)
    cloud.clock.now += 100
    assert (await cloud.get("/os-services?host=host-a"))["services"][0]["state"] == "down"


async def test_a_host_is_disabled_and_enabled_by_name_before_2_53(cloud: Any) -> None:
    host = await cloud.add_host("host-a", 1)
    named = {"host": "host-a", "binary": "nova-compute"}
    reply = await cloud.ask("PUT", "/os-services/disable-log-reason", {**named, "disabled_reason": "repair"})
    assert reply.json() == {"service": {**named, "status": "disabled", "disabled_reason": "repair"}}
    assert (await cloud.compute.placement._client.get_provider(host.id)).provider.disabled == "repair"
    assert (await cloud.get("/os-services?host=host-a"))["services"][0]["status"] == "disabled"
    assert (await cloud.ask("PUT", "/os-services/enable", named)).json()["service"]["status"] == "enabled"
    assert (await cloud.compute.placement._client.get_provider(host.id)).provider.disabled == ""
    assert (await cloud.ask("PUT", "/os-services/dance", named)).status == 404
    assert (await cloud.ask("PUT", "/os-services/force-down", {**named}, version="2.10")).status == 404
    forced = await cloud.ask("PUT", "/os-services/force-down", {**named, "forced_down": True}, version="2.11")
    assert forced.json() == {"service": {**named, "forced_down": True}}
    assert (await cloud.ask("PUT", "/os-services/enable", {**named, "host": "nowhere"})).status == 404
    assert (await cloud.ask("PUT", "/os-services/enable", {**named, "binary": "nova-scheduler"})).status == 400


async def test_a_host_is_changed_by_id_from_2_53_on(cloud: Any) -> None:
    host = await cloud.add_host("host-a", 1)
    path = f"/os-services/{host.id}"
    reply = await cloud.ask("PUT", path, {"status": "disabled", "forced_down": True}, version="2.53")
    service = reply.json()["service"]
    assert (service["status"], service["state"], service["forced_down"]) == ("disabled", "down", True)
    for wrong in ({}, {"status": "enabled", "disabled_reason": "x"}, {"status": "asleep"}):
        assert (await cloud.ask("PUT", path, wrong, version="2.53")).status == 400
    assert (await cloud.ask("PUT", "/os-services/1", {"status": "enabled"}, version="2.53")).status == 400


async def test_only_a_host_that_is_down_and_empty_is_forgotten(cloud: Any) -> None:
    busy, idle = await cloud.add_host("busy", 1), await cloud.add_host("idle", 2)
    await cloud.add_server(1, host=busy)
    assert (await cloud.ask("DELETE", f"/os-services/{busy.id}", version="2.53")).status == 409
    assert (await cloud.ask("DELETE", f"/os-services/{idle.id}", version="2.53")).status == 409
    cloud.clock.now += 100
    assert (await cloud.ask("DELETE", f"/os-services/{idle.id}", version="2.53")).status == 204
    assert [one["hypervisor_hostname"] for one in (await cloud.get("/os-hypervisors"))["hypervisors"]] == ["busy"]


async def test_hypervisors_show_what_they_have_and_give(cloud: Any) -> None:
    host = await cloud.add_host("host-a", 1)
    await cloud.add_server(1, host=host)
    old = (await cloud.get("/os-hypervisors/1", version="2.1"))["hypervisor"]
    assert (old["vcpus"], old["memory_mb_used"], old["running_vms"]) == (8, 512, 1)
    assert isinstance(old["cpu_info"], str)
    assert isinstance((await cloud.get("/os-hypervisors/1", version="2.28"))["hypervisor"]["cpu_info"], dict)
    new = (await cloud.get(f"/os-hypervisors/{host.id}?with_servers=true", version="2.88"))["hypervisor"]
    assert new["servers"][0]["uuid"].startswith("11111111")
    assert not {"vcpus", "cpu_info", "running_vms"} & new.keys()
    assert "up 1:00:00" in new["uptime"]
    assert (await cloud.ask("GET", "/os-hypervisors/99")).status == 404
    assert (await cloud.ask("GET", "/os-hypervisors/99", version="2.53")).status == 400


async def test_old_hypervisor_paths_end_with_their_versions(cloud: Any) -> None:
    await cloud.add_host("host-a", 1)
    assert (await cloud.get("/os-hypervisors/host/search"))["hypervisors"][0]["id"] == 1
    assert (await cloud.get("/os-hypervisors/host/servers"))["hypervisors"]
    assert (await cloud.ask("GET", "/os-hypervisors/host/search", version="2.53")).status == 404
    assert (await cloud.get("/os-hypervisors/statistics"))["hypervisor_statistics"]["count"] == 1
    assert (await cloud.ask("GET", "/os-hypervisors/statistics", version="2.88")).status == 404
    assert (await cloud.get("/os-hypervisors/1/uptime"))["hypervisor"]["uptime"]


async def test_hypervisors_are_paged_and_found_by_pattern(cloud: Any) -> None:
    hosts = [await cloud.add_host(f"host-{letter}", number) for number, letter in enumerate("abc", 1)]
    page = await cloud.get("/os-hypervisors?limit=2", version="2.53")
    assert [one["id"] for one in page["hypervisors"]] == [host.id for host in hosts[:2]]
    assert page["hypervisors_links"][0]["href"].endswith(f"limit=2&marker={hosts[1].id}")
    found = await cloud.get("/os-hypervisors?hypervisor_hostname_pattern=-b", version="2.53")
    assert [one["hypervisor_hostname"] for one in found["hypervisors"]] == ["host-b"]
    assert (await cloud.ask("GET", "/os-hypervisors?hypervisor_hostname_pattern=z", version="2.53")).status == 404
    mixed = "/os-hypervisors?hypervisor_hostname_pattern=b&limit=1"
    assert (await cloud.ask("GET", mixed, version="2.53")).status == 400


async def test_zones_are_where_hosts_are(cloud: Any) -> None:
    await cloud.add_host("host-a", 1)
    (zone,) = (await cloud.get("/os-availability-zone", role="reader"))["availabilityZoneInfo"]
    assert zone == {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}
    detail = (await cloud.get("/os-availability-zone/detail"))["availabilityZoneInfo"]
    assert detail[1]["hosts"]["host-a"]["nova-compute"]["available"] is True


async def test_an_aggregate_with_a_zone_moves_its_hosts_there_and_back(cloud: Any) -> None:
    host = await cloud.add_host("host-a", 1)
    body = {"aggregate": {"name": "ssd", "availability_zone": "east"}}
    made = (await cloud.ask("POST", "/os-aggregates", body, version="2.41")).json()["aggregate"]
    assert made["availability_zone"] == "east"
    assert "uuid" in made
    assert not {"hosts", "metadata"} & made.keys()
    action = f"/os-aggregates/{made['id']}/action"
    added = await cloud.ask("POST", action, {"add_host": {"host": "host-a"}})
    assert added.json()["aggregate"]["hosts"] == ["host-a"]
    assert await zone_of(cloud, host.id) == "east"
    assert (await cloud.get("/os-services?host=host-a"))["services"][0]["zone"] == "east"
    assert (await cloud.ask("POST", action, {"add_host": {"host": "host-a"}})).status == 409
    assert (await cloud.ask("DELETE", f"/os-aggregates/{made['id']}")).status == 400
    metadata = {"set_metadata": {"metadata": {"availability_zone": "west", "disk": "ssd"}}}
    changed = await cloud.ask("POST", action, metadata)
    assert changed.json()["aggregate"]["metadata"] == {"availability_zone": "west", "disk": "ssd"}
    assert await zone_of(cloud, host.id) == "west"
    await cloud.ask("POST", action, {"remove_host": {"host": "host-a"}})
    assert await zone_of(cloud, host.id) == "nova"
    assert (await cloud.ask("POST", action, {"remove_host": {"host": "host-a"}})).status == 404
    assert (await cloud.ask("DELETE", f"/os-aggregates/{made['id']}")).status == 200


async def test_a_host_with_servers_does_not_change_its_zone(cloud: Any) -> None:
    host = await cloud.add_host("host-a", 1)
    await cloud.add_server(1, host=host)
    body = {"aggregate": {"name": "ssd", "availability_zone": "east"}}
    number = (await cloud.ask("POST", "/os-aggregates", body)).json()["aggregate"]["id"]
    reply = await cloud.ask("POST", f"/os-aggregates/{number}/action", {"add_host": {"host": "host-a"}})
    assert reply.status == 409


async def test_aggregates_have_names_of_their_own(cloud: Any) -> None:
    body = {"aggregate": {"name": "ssd"}}
    number = (await cloud.ask("POST", "/os-aggregates", body)).json()["aggregate"]["id"]
    assert (await cloud.ask("POST", "/os-aggregates", body)).status == 409
    reply = await cloud.ask("PUT", f"/os-aggregates/{number}", {"aggregate": {"name": "fast"}})
    assert reply.json()["aggregate"]["name"] == "fast"
    assert (await cloud.ask("PUT", f"/os-aggregates/{number}", {"aggregate": {}})).status == 400
    assert (await cloud.ask("GET", "/os-aggregates/99")).status == 404
    assert (await cloud.ask("GET", "/os-aggregates/ssd")).status == 400


@pytest.mark.parametrize(
    ("version", "body", "status"),
    [
        ("2.1", {"policies": ["affinity"]}, 200),
        ("2.1", {"policies": ["soft-affinity"]}, 400),
        ("2.15", {"policies": ["soft-affinity"]}, 200),
        ("2.15", {"policies": ["affinity", "anti-affinity"]}, 400),
        ("2.64", {"policy": "anti-affinity", "rules": {"max_server_per_host": 2}}, 200),
        ("2.64", {"policy": "affinity", "rules": {"max_server_per_host": 2}}, 400),
        ("2.64", {"policies": ["affinity"]}, 400),
    ],
)
async def test_server_groups_have_policies(cloud: Any, version: str, body: dict[str, Any], status: int) -> None:
    group = {"server_group": {"name": "web", **body}}
    reply = await cloud.ask("POST", "/os-server-groups", group, role="member", version=version)
    assert reply.status == status
    if status == 200:
        group_id = reply.json()["server_group"]["id"]
        assert (await cloud.ask("GET", f"/os-server-groups/{group_id}", role="stranger")).status == 404
        assert (await cloud.ask("DELETE", f"/os-server-groups/{group_id}", role="member")).status == 204


async def test_events_are_accepted_for_servers_on_hosts(cloud: Any) -> None:
    server = await cloud.add_server(1, host=await cloud.add_host("host-a", 1), project_id="elsewhere")
    event = {"name": "network-vif-plugged", "server_uuid": server.id, "tag": "port"}
    reply = await cloud.ask("POST", "/os-server-external-events", {"events": [event]}, role="service")
    assert (reply.status, reply.json()["events"][0]["code"]) == (200, 200)
    assert (cloud.network_forgotten, cloud.ports_looked_at) == ([True], [True])
    nowhere = {**event, "server_uuid": "22222222-0000-4000-8000-000000000000"}
    reply = await cloud.ask("POST", "/os-server-external-events", {"events": [event, nowhere]}, role="service")
    assert (reply.status, [one["code"] for one in reply.json()["events"]]) == (207, [200, 404])
    early = {**event, "name": "volume-extended"}
    assert (await cloud.ask("POST", "/os-server-external-events", {"events": [early]})).status == 400


async def test_old_clients_list_hosts_until_2_42(cloud: Any) -> None:
    host = await cloud.add_host("host-a", 1)
    await cloud.add_server(1, host=host)
    assert "host-a" in [one["host_name"] for one in (await cloud.get("/os-hosts?zone=nova"))["hosts"]]
    rows = [one["resource"] for one in (await cloud.get("/os-hosts/host-a"))["host"]]
    assert [row["cpu"] for row in rows] == [8, 0, 2, 2]
    assert (await cloud.ask("GET", "/os-hosts", version="2.43")).status == 404


async def aggregate_of(cloud: Any, name: str, zone: str | None = None) -> str:
    """The action path of a new aggregate."""
    made = await cloud.ask("POST", "/os-aggregates", {"aggregate": {"name": name, "availability_zone": zone}})
    return f"/os-aggregates/{made.json()['aggregate']['id']}/action"


async def test_a_host_is_in_one_zone(cloud: Any) -> None:
    await cloud.add_host("host-a", 1)
    east, again, west = [await aggregate_of(cloud, *names) for names in (("a", "east"), ("b", "east"), ("c", "west"))]
    plain = await aggregate_of(cloud, "d")
    add = {"add_host": {"host": "host-a"}}
    for action, status in ((east, 200), (again, 200), (plain, 200), (west, 409)):
        assert (await cloud.ask("POST", action, add)).status == status
    moved = {"set_metadata": {"metadata": {"availability_zone": "west"}}}
    assert (await cloud.ask("POST", plain, moved)).status == 400
    assert (await cloud.ask("POST", east, {"add_host": {"host": "nowhere"}})).status == 404
    assert (await cloud.ask("POST", "/os-aggregates/99/action", add)).status == 404


async def test_a_host_with_servers_leaves_an_aggregate_but_not_its_zone(cloud: Any) -> None:
    host = await cloud.add_host("host-a", 1)
    east, again, plain = [await aggregate_of(cloud, *names) for names in (("a", "east"), ("b", "east"), ("c",))]
    for action in (east, again, plain):
        assert (await cloud.ask("POST", action, {"add_host": {"host": "host-a"}})).status == 200
    await cloud.add_server(1, host=host)
    remove = {"remove_host": {"host": "host-a"}}
    for action, status in ((plain, 200), (again, 200), (east, 409)):
        assert (await cloud.ask("POST", action, remove)).status == status
    assert await zone_of(cloud, host.id) == "east"


async def test_images_to_cache_are_checked_before_anything_is_written_down(cloud: Any) -> None:
    path = (await aggregate_of(cloud, "a")).replace("/action", "/images")
    image = {"id": "11111111-0000-4000-8000-000000000001"}
    for wrong in ({}, {"cache": []}, {"cache": [{"id": "tiny"}]}, {"cache": [image, image]}, {"cache": [{}]}):
        assert (await cloud.ask("POST", path, wrong, version="2.81")).status == 400
    assert (await cloud.ask("POST", "/os-aggregates/99/images", {"cache": [image]}, version="2.81")).status == 404
    assert (await cloud.ask("POST", path, {"cache": [image]}, version="2.80")).status == 404


async def test_a_host_that_is_disabled_or_down_takes_nothing_new_and_says_why(cloud: Any) -> None:
    hosts = [await cloud.add_host(f"host-{letter}", number) for number, letter in enumerate("abc", 1)]
    await cloud.ask("PUT", f"/os-services/{hosts[0].id}", {"status": "disabled"}, version="2.53")
    await cloud.ask("PUT", f"/os-services/{hosts[1].id}", {"forced_down": True}, version="2.53")
    asked = {"flavor": "1", "count": 1}
    explanation = (await cloud.ask("POST", "//native/v1/explain", asked)).json()["explanation"]
    assert explanation["constraints"][0]["nearest"] == "2 hosts do not take new servers (1 is disabled, 1 is down)"
    assert explanation["winner"]["host"] == "host-c"
