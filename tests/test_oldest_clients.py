"""What the compute API did for images, networks and security groups until 2.36, asked of the neighbours."""

from __future__ import annotations

from typing import Any

import pytest
from cloud.client import Client
from cloud.simulated import SimulatedCloud

_COMPUTE = "/compute/v2.1"


@pytest.fixture
def demo(cloud: SimulatedCloud) -> Client:
    return cloud.demo


def _json(client: Client, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    reply = client.send(method, _COMPUTE + path, version="2.1", **({} if body is None else {"json": body}))
    assert reply.status_code == status, reply.text
    return reply.json() if reply.content else None


def test_a_security_group_lives(demo: Client) -> None:
    wanted = {"security_group": {"name": " web ", "description": "what the web may ask"}}
    group = _json(demo, "POST", "/os-security-groups", wanted)["security_group"]
    path = f"/os-security-groups/{group['id']}"
    assert (group["name"], group["rules"]) == (" web ", [])
    rule = {"parent_group_id": group["id"], "ip_protocol": "TCP", "from_port": 80, "to_port": "443"}
    made = _json(demo, "POST", "/os-security-group-rules", {"security_group_rule": rule})["security_group_rule"]
    assert (made["ip_protocol"], made["from_port"], made["to_port"]) == ("tcp", 80, 443)
    assert (made["ip_range"], made["group"]) == ({"cidr": "0.0.0.0/0"}, {})
    near = {"security_group_rule": {**rule, "from_port": 22, "to_port": 22, "cidr": "10.2.3.124/24"}}
    cidr = _json(demo, "POST", "/os-security-group-rules", near)["security_group_rule"]["ip_range"]
    assert cidr == {"cidr": "10.2.3.124/24"}
    peers = {"parent_group_id": group["id"], "ip_protocol": "icmp", "from_port": -1, "to_port": -1}
    peer = {"security_group_rule": {**peers, "group_id": group["id"]}}
    assert _json(demo, "POST", "/os-security-group-rules", peer)["security_group_rule"]["group"]["name"] == " web "
    assert len(_json(demo, "GET", path)["security_group"]["rules"]) == 3
    changed = {"security_group": {"name": "www", "description": ""}}
    assert _json(demo, "PUT", path, changed)["security_group"]["name"] == "www"
    assert "www" in [one["name"] for one in _json(demo, "GET", "/os-security-groups")["security_groups"]]
    _json(demo, "DELETE", f"/os-security-group-rules/{made['id']}", status=202)
    _json(demo, "DELETE", path, status=202)
    _json(demo, "GET", path, status=404)
    _json(demo, "DELETE", "/os-security-groups/", status=404)


def _default_group(demo: Client) -> str:
    groups = _json(demo, "GET", "/os-security-groups")["security_groups"]
    return next(str(one["id"]) for one in groups if one["name"] == "default")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"parent_group_id": "7"}, "should be uuid"),
        ({"ip_protocol": "999"}, "Invalid IP protocol"),
        ({"from_port": 65536}, "Invalid port range"),
        ({"from_port": 443, "to_port": 80}, "Former value"),
        ({"from_port": "many"}, "not a number"),
        ({"to_port": None}, "Both ports"),
        ({"ip_protocol": None}, "Not enough parameters"),
        ({"cidr": "nowhere"}, "Invalid CIDR"),
    ],
)
def test_a_rule_that_is_none_is_refused(demo: Client, rule: dict[str, Any], words: str) -> None:
    whole = {"parent_group_id": _default_group(demo), "ip_protocol": "tcp", "from_port": 22, "to_port": 22, **rule}
    refused = _json(demo, "POST", "/os-security-group-rules", {"security_group_rule": whole}, status=400)
    assert words in refused["badRequest"]["message"]


def test_the_default_group_stays(demo: Client) -> None:
    _json(demo, "DELETE", f"/os-security-groups/{_default_group(demo)}", status=400)


def test_networks_are_shown_as_they_once_were(demo: Client) -> None:
    networks = _json(demo, "GET", "/os-networks")["networks"]
    private = next(one for one in networks if one["label"] == "private")
    assert private["cidr"] is None
    assert _json(demo, "GET", f"/os-tenant-networks/{private['id']}")["network"] == {
        "id": private["id"],
        "label": "private",
        "cidr": "None",
    }
    _json(demo, "POST", "/os-tenant-networks", {"network": {"label": "new"}}, status=410)
    _json(demo, "GET", "/os-networks/nothing", status=404)


def test_images_are_shown_as_they_once_were(demo: Client) -> None:
    images = _json(demo, "GET", "/images/detail?status=ACTIVE&limit=1")
    (image,) = images["images"]
    assert (image["status"], image["progress"]) == ("ACTIVE", 100)
    assert images["images_links"][0]["rel"] == "next"
    assert _json(demo, "GET", f"/images/{image['id']}")["image"] == image
    assert image["id"] in [one["id"] for one in _json(demo, "GET", "/images")["images"]]
    _json(demo, "GET", "/images/6c6bdc3e-0000-4000-8000-000000000000", status=404)


def test_an_images_metadata_are_its_properties(demo: Client) -> None:
    new = {"name": "annotated", "disk_format": "raw", "container_format": "bare", "colour": "red"}
    image = demo.send("POST", "/image/v2/images", json=new).json()["id"]
    path = f"/images/{image}/metadata"
    assert _json(demo, "GET", path)["metadata"] == {"colour": "red"}
    assert _json(demo, "POST", path, {"metadata": {"a/b": "1"}}, status=400)
    assert _json(demo, "POST", path, {"metadata": {"size_class": "s"}})["metadata"] == {
        "colour": "red",
        "size_class": "s",
    }
    assert _json(demo, "PUT", f"{path}/colour", {"meta": {"colour": "blue"}})["meta"] == {"colour": "blue"}
    _json(demo, "PUT", f"{path}/colour", {"meta": {"shape": "round"}}, status=400)
    assert _json(demo, "GET", f"{path}/colour")["meta"] == {"colour": "blue"}
    _json(demo, "DELETE", f"{path}/colour", status=204)
    _json(demo, "GET", f"{path}/colour", status=404)
    assert _json(demo, "PUT", path, {"metadata": {"last": "1"}})["metadata"] == {"last": "1"}
    _json(demo, "DELETE", f"/images/{image}", status=204)
    _json(demo, "GET", path, status=404)


def test_newer_clients_ask_the_neighbours_themselves(demo: Client) -> None:
    for path in ("/images", "/os-security-groups", "/os-networks", "/os-tenant-networks"):
        reply = demo.send("GET", _COMPUTE + path, version="2.36")
        assert reply.status_code == 404, path
