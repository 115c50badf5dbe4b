"""The whole way on this machine: an image from the controller, a host network, and the tiny guest under QEMU."""

import asyncio
import logging
import subprocess

import pytest
from kilonova_agent.network.names import names_of
from kilonova_messages.asks import ConsoleLogAsk, DiagnosticsAsk
from kilonova_messages.steps import (
    EnsureGuest,
    PauseGuest,
    RebootGuest,
    RemoveGuest,
    StopGuest,
    UnpauseGuest,
)
from kilonova_messages.wishes import FirewallRule, FixedIp, GuestMetadata, PortWiring, WiredSubnet, WishedDisk

pytestmark = [pytest.mark.guest, pytest.mark.network]

HOST = "id-of-h1"
SUBNET = WiredSubnet(subnet_id="subnet-1", cidr="10.78.0.0/24", gateway_ip="10.78.0.1", dns_nameservers=("192.0.2.53",))


@pytest.fixture
def port():
    return PortWiring(
        port_id="port-1",
        network_id="net-1",
        mac="fa:16:3e:00:78:05",
        hostname="web",
        fixed_ips=(FixedIp(subnet_id="subnet-1", ip_address="10.78.0.5"),),
        subnets=(SUBNET,),
        rules=(FirewallRule(direction="egress"),),
    )


@pytest.fixture
def console_says(controller):
    async def wait(guest_id, words, times=1):
        async with asyncio.timeout(120):
            while True:
                said = (await controller.ask(HOST, ConsoleLogAsk(server_id=guest_id, max_bytes=1 << 18))).console_log
                if said.count(words) >= times:
                    return said
                await asyncio.sleep(0.1)

    return wait


@pytest.fixture
def tiny_wish(controller, make_wish, tiny_qcow2, port):
    source = controller.add_image(tiny_qcow2, format="qcow2")
    wish = make_wish("9d5f7ab2-0000-4000-8000-000000000001")
    parts = {
        "guest_id": wish.guest_id,
        "memory_mib": 128,
        "disks": (WishedDisk(name="root", size_gib=1, image=source, boot_index=0),),
        "ports": (port,),
        "config_drive": False,
        "metadata": GuestMetadata(
            server_id=wish.guest_id,
            name="web",
            hostname="web.example.org",
            project_id="p1",
            user_data=b"#!/bin/sh\necho words of the user\n",
        ),
    }
    return lambda **changes: make_wish(**{**parts, **changes})


async def test_a_real_guest_lives_through_every_step(
    controller, real_agent, tiny_wish, make_request, console_says, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    agent = await real_agent()
    wish = tiny_wish()
    guest = wish.guest_id

    async def run(step, power):
        end = await controller.run(HOST, make_request(guest, step, deadline=0.0), seconds=120)
        assert (end.error, end.state, end.power) == (None, "done", power)
        return end

    built = await run(EnsureGuest(wish=wish), "on")
    assert set(built.details) >= {"images_seconds", "network_seconds", "driver_seconds"}
    said = await console_says(guest, b"tiny: ready at")
    assert b"hostname=web" in said  # the metadata service answered
    assert b"words of the user" in said
    diagnostics = (await controller.ask(HOST, DiagnosticsAsk(server_id=guest))).diagnostics
    assert diagnostics.nics[0].mac == wish.ports[0].mac
    await run(PauseGuest(), "paused")
    await run(UnpauseGuest(), "on")
    await agent.close()  # the guest lives on without its agent
    await real_agent()
    await run(RebootGuest(wish=wish, grace_seconds=30), "on")
    await console_says(guest, b"tiny: ready at", times=2)
    await run(StopGuest(grace_seconds=30), "off")
    await run(EnsureGuest(wish=wish), "on")
    await run(StopGuest(mode="force"), "off")
    await run(RemoveGuest(), "")
    assert [path.name for path in (tmp_path / "h1" / "guests").iterdir()] == []
    assert list((tmp_path / "h1" / "driver" / "guests").iterdir()) == []


async def test_a_config_drive_tells_a_guest_what_it_is(
    controller, real_agent, tiny_wish, make_request, console_says, tmp_path
):
    await real_agent()
    wish = tiny_wish(config_drive=True, ports=())
    end = await controller.run(HOST, make_request(wish.guest_id, EnsureGuest(wish=wish)))
    assert end.error is None
    said = await console_says(wish.guest_id, b"tiny: ready at")
    assert b"datasource=config-drive" in said
    assert b"words of the user" in said
    (drive,) = (tmp_path / "h1" / "config-drives").iterdir()
    assert drive.stat().st_mode & 0o777 == 0o400
    await controller.run(HOST, make_request(wish.guest_id, RemoveGuest()))
    assert not list((tmp_path / "h1" / "config-drives").iterdir())


async def test_guests_go_down_with_their_host_and_come_back_wired(
    controller, real_agent, tiny_wish, make_request, console_says, eventually, tmp_path
):
    agent = await real_agent()
    wish = tiny_wish()
    await controller.run(HOST, make_request(wish.guest_id, EnsureGuest(wish=wish)))
    await console_says(wish.guest_id, b"tiny: ready at")
    assert await agent.drain() == ()
    await agent.close()
    tag = names_of(tmp_path / "h1", HOST).tag
    assert tag not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221
    controller.reports.clear()
    await real_agent()
    state = (await eventually(controller.guests))[wish.guest_id]
    assert (state.power, state.reason) == ("off", "host_stopped")
    end = await controller.run(HOST, make_request(wish.guest_id, EnsureGuest(wish=wish)))
    assert (end.error, end.power) == (None, "on")
    await console_says(wish.guest_id, b"tiny: ready at", times=2)
    await controller.run(HOST, make_request(wish.guest_id, RemoveGuest()))


async def test_an_image_with_a_wrong_digest_fails_the_step_and_leaves_nothing(
    controller, real_agent, tiny_wish, make_request, tmp_path
):
    await real_agent()
    wish = tiny_wish()
    path = wish.disks[0].image.path
    controller.images[path] = controller.images[path][:-1] + b"!"
    end = await controller.run(HOST, make_request(wish.guest_id, EnsureGuest(wish=wish)))
    assert (end.error.code, end.power) == ("image", "")
    assert not list((tmp_path / "h1" / "images").iterdir())
    assert (await controller.run(HOST, make_request(wish.guest_id, RemoveGuest()))).state == "done"
