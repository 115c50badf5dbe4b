"""A guest in a network namespace of its own: launcher, tap, DHCP, metadata, fixed addresses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kilonova_driver.types.guests import ConfigDrive, GuestSpec, Nic
from kilonova_driver.types.settings import DriverSettings

pytestmark = [
    pytest.mark.guest,
    pytest.mark.network,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace, which needs root"),
    pytest.mark.skipif(not shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), reason="needs dnsmasq"),
]

MAC = "fa:16:3e:00:00:07"
METADATA_SERVER = """
import http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words): pass
http.server.HTTPServer(("169.254.169.254", 80), Handler).serve_forever()
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def namespace() -> Iterator[str]:
    """A namespace with a bridge 10.9.8.1/24 and a tap in it."""
    name = f"kq-{uuid.uuid4().hex[:8]}"
    run("ip", "netns", "add", name)
    inside = ("ip", "netns", "exec", name, "ip")
    run(*inside, "link", "add", "br0", "type", "bridge")
    run(*inside, "address", "add", "10.9.8.1/24", "dev", "br0")
    run(*inside, "address", "add", "169.254.169.254/32", "dev", "br0")
    run(*inside, "tuntap", "add", "tap0", "mode", "tap")
    run(*inside, "link", "set", "tap0", "master", "br0")
    for device in ("lo", "br0", "tap0"):
        run(*inside, "link", "set", device, "up")
    yield name
    run("ip", "netns", "delete", name)


@pytest.fixture
def settings(settings: DriverSettings, namespace: str) -> DriverSettings:
    return msgspec.structs.replace(settings, launcher=("nsenter", f"--net=/run/netns/{namespace}", "--"))


@pytest.fixture
def served(namespace: str, tmp_path: Path) -> Iterator[Path]:
    """DHCP with an MTU of 1400, and a metadata service of files."""
    root = tmp_path / "metadata"
    (root / "openstack/latest").mkdir(parents=True)
    inside = ("nsenter", f"--net=/run/netns/{namespace}", "--")
    dnsmasq = ("dnsmasq", "-k", "--conf-file=/dev/null", "--port=0", "--interface=br0", "--bind-interfaces")
    options = ("--dhcp-option=option:mtu,1400", "--dhcp-option=option:router,10.9.8.1")
    leases = ("--dhcp-range=10.9.8.50,10.9.8.50,1h", *options)
    files = (f"--dhcp-leasefile={tmp_path / 'leases'}", "--pid-file", "--user=root")
    processes = [
        subprocess.Popen([*inside, *dnsmasq, *leases, *files], stderr=subprocess.DEVNULL),
        subprocess.Popen([*inside, sys.executable, "-c", METADATA_SERVER], cwd=root),
    ]
    yield root / "openstack/latest"
    for process in processes:
        process.terminate()
        process.wait()


def with_nic(spec: GuestSpec, **changes: object) -> GuestSpec:
    nic = Nic(port_id=str(uuid.uuid4()), mac=MAC, tap="tap0", mtu=1400)
    return msgspec.structs.replace(spec, nics=(nic,), **changes)


async def test_dhcp_and_the_metadata_service_reach_the_guest_and_its_packets_are_counted(
    bench: Any, served: Path, tiny_spec: GuestSpec, until_console_says: Callable[..., Awaitable[str]]
) -> None:
    (served / "meta_data.json").write_text(json.dumps({"uuid": tiny_spec.guest_id, "hostname": "leased.example.org"}))
    (served / "user_data").write_text("#!/bin/sh\nip route\n")
    driver = await bench.driver()
    guest = await bench.built(driver, with_nic(tiny_spec))
    said = await until_console_says(driver, guest.guest_id, "tiny: ready at")
    assert "tiny: eth0 10.9.8.50/24 mtu 1400" in said
    assert f"datasource=metadata-service instance={tiny_spec.guest_id} hostname=leased" in said
    assert "user-data: default via 10.9.8.1 dev eth0" in said
    (nic,) = (await driver.diagnostics(guest.guest_id)).nics
    assert nic.mac == MAC
    assert nic.rx_packets > 0
    assert nic.tx_packets > 0


async def test_fixed_addresses_come_from_the_config_drive(
    bench: Any,
    tiny_spec: GuestSpec,
    tmp_path: Path,
    until_console_says: Callable[..., Awaitable[str]],
    write_config_drive: Callable[..., Path],
) -> None:
    network = {
        "links": [{"id": "l0", "type": "phy", "ethernet_mac_address": MAC, "mtu": 1400}],
        "networks": [
            {
                "id": "n0",
                "link": "l0",
                "type": "ipv4",
                "ip_address": "10.9.8.7",
                "netmask": "255.255.255.0",
                "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.9.8.1"}],
            }
        ],
        "services": [{"type": "dns", "address": "10.9.8.2"}],
    }
    drive = write_config_drive(
        tmp_path / "drive.iso",
        meta_data={"uuid": tiny_spec.guest_id, "hostname": "fixed.example.org"},
        network_data=network,
        user_data="#!/bin/sh\nip route; cat /etc/resolv.conf; ping -c 1 10.9.8.1\n",
    )
    driver = await bench.driver()
    guest = await bench.built(driver, with_nic(tiny_spec, config_drive=ConfigDrive(path=str(drive))))
    said = await until_console_says(driver, guest.guest_id, "tiny: ready at")
    assert "tiny: eth0 10.9.8.7/24 mtu 1400 (config drive)" in said
    assert "user-data: default via 10.9.8.1 dev eth0" in said
    assert "user-data: nameserver 10.9.8.2" in said
    assert "1 packets received" in said
