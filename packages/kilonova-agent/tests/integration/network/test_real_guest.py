"""A real guest on the host network: its address, its key and its user data come over the wire, and SSH goes in."""

import asyncio
import importlib.util
import sys
from pathlib import Path

import msgspec
import pytest
from kilonova_agent.metadata.service import MetadataService

_spec = importlib.util.spec_from_file_location("network_conftest", Path(__file__).with_name("conftest.py"))
stage = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stage)

BOOT_SECONDS = 120
WAIT = """
import sys, time
deadline = time.monotonic() + float(sys.argv[2])
while time.monotonic() < deadline:
    if "tiny: ready" in open(sys.argv[1], errors="replace").read():
        sys.exit(0)
    time.sleep(0.2)
sys.exit("not ready")
"""

pytestmark = [pytest.mark.network, pytest.mark.guest]


def qemu(network, tap, wiring, overlay, console):
    return [
        *network.launcher(),
        *("qemu-system-x86_64", "-accel", "tcg,tb-size=32", "-cpu", "max", "-m", "128", "-nodefaults"),
        *("-display", "none", "-serial", f"file:{console}", "-drive", f"file={overlay},if=virtio,format=qcow2"),
        *("-netdev", f"tap,id=n0,ifname={tap},script=no,downscript=no,vhost=off"),
        *("-device", f"virtio-net-pci,netdev=n0,mac={wiring.mac},romfile=", "-device", "virtio-rng-pci"),
    ]


async def test_a_real_guest_boots_learns_who_it_is_and_answers_over_ssh(network, tmp_path, metadata, tiny_image_path):
    if stage.needs("qemu-system-x86_64", "qemu-img", "ssh", "ssh-keygen"):
        pytest.skip("needs QEMU and ssh")
    key, overlay, console = tmp_path / "key", tmp_path / "disk.qcow2", tmp_path / "console"
    await asyncio.to_thread(stage.output, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    await asyncio.to_thread(
        stage.output,
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-b",
        str(tiny_image_path),
        "-F",
        "qcow2",
        str(overlay),
        "1G",
    )
    guest = msgspec.structs.replace(
        metadata,
        name="snow",
        hostname="snow",
        public_keys={"mine": key.with_suffix(".pub").read_text()},
        user_data=b"#!/bin/sh\necho flake > /tmp/user-data-ran\n",
    )

    async def lookup(network_id, address):
        return guest if (network_id, address) == ("net-1", "10.77.0.11") else None

    wiring = stage.port(1, rules=(stage.EGRESS, stage.SSH))

    async def ports_of(_server_id):
        return (wiring,)

    service = MetadataService(lookup, socket_path=tmp_path / "metadata.sock", ports_of=ports_of)
    await service.start()
    tap = await network.ensure_port("guest-1", wiring)
    console.touch()
    running = await asyncio.create_subprocess_exec(*qemu(network, tap, wiring, overlay, console))
    try:
        await asyncio.to_thread(stage.output, sys.executable, "-c", WAIT, str(console), str(BOOT_SECONDS))
        options = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
        shell = "hostname; cat /tmp/user-data-ran; ip -4 -o addr show eth0"
        ssh = ("ssh", "-i", str(key), "-o", "ConnectTimeout=30", *options, "tiny@10.77.0.11", shell)
        said = await asyncio.to_thread(stage.output, *network.command_in("net-1"), *ssh)
    finally:
        running.kill()
        await running.wait()
        await service.close()
    hostname, user_data, address = said.splitlines()
    assert (hostname, user_data) == ("snow", "flake")
    assert "10.77.0.11/24" in address
