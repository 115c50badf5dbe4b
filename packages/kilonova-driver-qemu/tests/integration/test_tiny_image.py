"""The tiny image boots, and does what a cloud image does: config drive, keys, passwords, addresses, user data."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.types.guests import ConfigDrive, GuestSpec, Power
from kilonova_driver_qemu.driver import QemuDriver

pytestmark = pytest.mark.guest

SaysLater = Callable[[QemuDriver, str, str], Awaitable[str]]


async def test_the_tiny_image_boots_grows_and_shuts_down_when_asked(
    bench: Any, tiny_spec: GuestSpec, until_console_says: SaysLater
) -> None:
    driver = await bench.driver()
    guest = await bench.built(driver, tiny_spec)
    said = await until_console_says(driver, guest.guest_id, "tiny: ready at")
    assert "partition 1 grown" in said
    assert "tiny: disk vda 1024 MiB" in said
    off = await driver.set_power(bench.order(), guest.guest_id, PowerTarget.OFF, Mode.GRACEFUL, 60)
    assert off.power is Power.OFF
    assert b"tiny: power button" in await driver.console_log(guest.guest_id, 1 << 20)


async def test_a_guest_that_powers_itself_off_is_off_and_not_crashed(
    bench: Any,
    tiny_spec: GuestSpec,
    until_console_says: SaysLater,
    wait_until: Any,
    tmp_path: Path,
    write_config_drive: Callable[..., Path],
) -> None:
    drive = write_config_drive(
        tmp_path / "drive.iso",
        meta_data={"uuid": tiny_spec.guest_id, "hostname": "short.example.org"},
        user_data="#!/bin/sh\necho going down by my own wish\npoweroff\n",
    )
    driver = await bench.driver()
    spec = msgspec.structs.replace(tiny_spec, config_drive=ConfigDrive(path=str(drive)))
    guest = await bench.built(driver, spec)

    async def is_off() -> bool:
        return (await driver.get_guest(guest.guest_id)).power is Power.OFF

    await wait_until(is_off)
    assert not (await driver.get_guest(guest.guest_id)).reason
    assert b"going down by my own wish" in await driver.console_log(guest.guest_id, 1 << 20)


async def test_the_config_drive_gives_the_name_and_the_admin_password(
    bench: Any,
    tiny_spec: GuestSpec,
    until_console_says: SaysLater,
    tmp_path: Path,
    write_config_drive: Callable[..., Path],
) -> None:
    drive = write_config_drive(
        tmp_path / "drive.iso",
        meta_data={"uuid": tiny_spec.guest_id, "hostname": "fixed.example.org", "admin_pass": "s3cret-word"},
    )
    driver = await bench.driver()
    spec = msgspec.structs.replace(tiny_spec, config_drive=ConfigDrive(path=str(drive)))
    guest = await bench.built(driver, spec)
    said = await until_console_says(driver, guest.guest_id, "tiny: ready at")
    assert f"datasource=config-drive instance={tiny_spec.guest_id} hostname=fixed" in said
    assert "tiny: admin password set" in said
    await _log_in(driver, bench, guest.guest_id, "root", "s3cret-word")
    assert "uid=0(root)" in await until_console_says(driver, guest.guest_id, "uid=0(root)")


async def _log_in(driver: QemuDriver, bench: Any, guest_id: str, user: str, password: str) -> None:
    """Log in on the serial console, through its socket, and run a command."""
    home = Path(bench.settings.state_dir) / "guests" / guest_id
    directory = os.open(home, os.O_PATH)
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(f"/proc/self/fd/{directory}/serial.sock")
        client.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=client)
        async with asyncio.timeout(60):
            for prompt, answer in ((b"login: ", user), (b"assword: ", password), (b"# ", "id")):
                writer.write(b"\n" if prompt == b"login: " else b"")
                await reader.readuntil(prompt)
                writer.write(answer.encode() + b"\n")
            await reader.readuntil(b"uid=0(root)")
        writer.close()
        await writer.wait_closed()
    finally:
        os.close(directory)
