"""Limits that the cloud's own identity service keeps, from the setting to the refusal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud.client import Client
from cloud.simulated import SimulatedCloud


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[SimulatedCloud]:
    """A cloud whose limits are unified ones."""
    cloud = SimulatedCloud(tmp_path, hosts=1, cells=1)
    cloud.prepare()
    (cloud.folder.root / "kilonova.toml").write_text('[project]\nlimits = "identity"\n')
    try:
        cloud.up()
        yield cloud
    finally:
        cloud.end()


def register(admin: Client, service: str, resource: str, limit: int) -> None:
    values = {"service_id": service, "resource_name": resource, "default_limit": limit, "region_id": "RegionOne"}
    admin.ask("POST", "/identity/v3/registered_limits", json={"registered_limits": [values]})


def test_what_is_registered_holds_at_once(limited: SimulatedCloud) -> None:
    admin, demo = limited.admin, limited.demo
    refused = demo.refused("POST", "/compute/v2.1/servers", json=demo.server_body("none"))
    assert (refused.status_code, "Resource servers is over limit of 0" in refused.text) == (403, True)
    service = admin.get("/identity/v3/services?type=compute")["services"][0]["id"]
    register(admin, service, "servers", 5)
    register(admin, service, "class:VCPU", 1)
    first = demo.create_active("first")
    refused = demo.refused("POST", "/compute/v2.1/servers", json=demo.server_body("second"))
    assert "class:VCPU is over limit of 1 due to current usage 1 and delta 1" in refused.text
    project = admin.get("/identity/v3/projects?name=demo")["projects"][0]["id"]
    own = {"service_id": service, "resource_name": "class:VCPU", "resource_limit": 2, "region_id": "RegionOne"}
    admin.ask("POST", "/identity/v3/limits", json={"limits": [{**own, "project_id": project}]})
    second = demo.create_active("second")
    absolute = demo.get("/compute/v2.1/limits")["limits"]["absolute"]
    assert (absolute["maxTotalCores"], absolute["totalCoresUsed"], absolute["totalInstancesUsed"]) == (2, 2, 2)
    demo.delete_and_wait(first, second)
    assert demo.get("/compute/v2.1/limits")["limits"]["absolute"]["totalCoresUsed"] == 0
