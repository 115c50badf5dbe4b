"""``kilonova placement``: a process of its own, which a cloud uses by URL and other clients speak to directly."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
from cloud.ports import free_port
from cloud.simulated import SimulatedCloud
from cloud.waiting import wait_until

_NEW = {"OpenStack-API-Version": "placement 1.39"}


@contextlib.contextmanager
def _placement(folder: Path, port: int, identity: str) -> Iterator[subprocess.Popen[str]]:
    """The process, once it answers; ended by its pid."""
    words = ("placement", "--data", str(folder), "--listen", f"127.0.0.1:{port}", "--identity", identity)
    with (folder.parent / "placement.log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kilonova", *words], stdout=log, stderr=subprocess.STDOUT, text=True
        )
        try:
            wait_until("placement to answer", lambda: _ready(port) or process.poll() is not None)
            assert process.poll() is None, Path(log.name).read_text()
            yield process
        finally:
            process.kill()
            process.wait(20)


def _ready(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
    return False


def test_a_cloud_uses_placement_in_another_process(tmp_path: Path) -> None:
    port = free_port()
    cloud = SimulatedCloud(tmp_path / "cloud", hosts=2, cells=1)
    cloud.prepare()
    url = f"http://127.0.0.1:{port}/placement"
    (cloud.folder.root / "kilonova.toml").write_text(f'[neighbours]\nplacement = "{url}"\n')
    with _placement(tmp_path / "alone", port, f"http://127.0.0.1:{cloud.port}/identity") as process:
        try:
            cloud.up()
            assert cloud.admin.send("GET", "/placement/").status_code == 404
            headers = {**_NEW, "X-Auth-Token": cloud.admin.token}
            with httpx.Client(base_url=url, headers=headers, trust_env=False) as asked:
                _converse(cloud, asked)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            cloud.end()


def _converse(cloud: SimulatedCloud, asked: httpx.Client) -> None:
    server = cloud.demo.create_active("far-claimed")
    assert len(asked.get("/resource_providers").json()["resource_providers"]) == 2
    owner = {"owner": f"server:{server.id}"}
    (claim,) = asked.get("/native/v1/claims", params=owner).json()["claims"]
    assert claim["state"] == "bound"
    assert asked.get("/native/v1/claims", headers={"X-Auth-Token": cloud.demo.token}).status_code == 403
    assert asked.get("/native/v1/claims", headers={"X-Auth-Token": "nonsense"}).status_code == 401
    candidates = asked.get("/allocation_candidates", params={"resources": "VCPU:1"}).json()
    assert len(candidates["allocation_requests"]) == 2
    cloud.demo.delete_and_wait(server.id)
    assert asked.get("/native/v1/claims", params=owner).json()["claims"] == []


def test_without_an_identity_service_it_says_what_to_do(tmp_path: Path) -> None:
    words = ("placement", "--data", str(tmp_path / "alone"), "--listen", f"127.0.0.1:{free_port()}")
    done = subprocess.run(
        [sys.executable, "-m", "kilonova", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "--identity URL" in done.stderr
