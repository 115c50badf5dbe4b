"""Compute beside the identity, image and network services of another process, which it reaches by URL alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import msgspec
from cloud.client import Client
from cloud.simulated import SimulatedCloud


def test_compute_uses_the_services_of_another_cloud(make_cloud: Callable[..., SimulatedCloud]) -> None:
    base = make_cloud(hosts=0, cells=1)
    beside = SimulatedCloud(base.root / "beside", hosts=2)
    beside.prepare()
    shutil.copy2(base.folder.root / "secrets.json", beside.folder.root / "secrets.json")
    urls = [f'{name} = "{base.url}/{name}"\n' for name in ("identity", "image", "network")]
    (beside.folder.root / "kilonova.toml").write_text("[neighbours]\n" + "".join(urls))
    try:
        beside.up()
        demo = Client(msgspec.structs.replace(base.demo.access, url=beside.url), token=base.demo.token)
        assert demo.send("GET", "/image/v2/images").status_code == 404
        body = base.demo.server_body("guest-of-two")
        server = demo.ask("POST", "/compute/v2.1/servers", json=body)["server"]["id"]
        shown = demo.wait_for(server, "ACTIVE")
        ports = base.demo.get(f"/network/v2.0/ports?device_id={server}")["ports"]
        assert [fixed["ip_address"] for port in ports for fixed in port["fixed_ips"]] == [
            address["addr"] for address in shown.addresses["private"]
        ]
        demo.delete_and_wait(server)
        assert base.demo.get(f"/network/v2.0/ports?device_id={server}")["ports"] == []
        demo.close()
    finally:
        beside.end()
