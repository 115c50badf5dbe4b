"""Pause and diagnostics: an advertised talent does what its protocol says, and never raises Unsupported."""

from __future__ import annotations

from kilonova_driver.conformance.bench import GRACE_SECONDS, Bench
from kilonova_driver.conformance.verdicts import refused, require, require_power
from kilonova_driver.driver import Driver, Mode, Pauses, PowerTarget
from kilonova_driver.errors import Conflict
from kilonova_driver.types.guests import Guest, Power


async def a_guest_is_paused_and_goes_on(bench: Bench) -> None:
    """Paused, a guest is paused; unpaused, it runs, not started anew; each already so is success."""
    driver = await bench.driver()
    pauses = bench.pauses(driver)
    guest = await bench.built(driver)
    on_and_off = [(pauses.pause, Power.PAUSED)] * 2 + [(pauses.unpause, Power.ON)] * 2
    for generation, (call, power) in enumerate(on_and_off, start=2):
        require_power(await call(bench.order(generation), guest.guest_id), power, "told so")
        after = await driver.get_guest(guest.guest_id)
        require_power(after, power, "looked at again")
        require(after.started_at == guest.started_at, "a pause started the guest anew")


async def what_is_off_cannot_be_paused(bench: Bench) -> None:
    """pause and unpause of a guest that is off are Conflicts, and leave it off."""
    driver = await bench.driver()
    pauses = bench.pauses(driver)
    guest = await bench.built(driver, PowerTarget.OFF)
    await refused("pausing what is off", pauses.pause(bench.order(2), guest.guest_id), Conflict)
    await refused("unpausing what is off", pauses.unpause(bench.order(2), guest.guest_id), Conflict)
    require_power(await driver.get_guest(guest.guest_id), Power.OFF, "after the refusal")


async def a_paused_guest_cannot_be_turned_on(bench: Bench) -> None:
    """Turning on a paused guest is a Conflict, and leaves it paused."""
    driver, _, guest = await _paused(bench)
    call = driver.set_power(bench.order(3), guest.guest_id, PowerTarget.ON, Mode.FORCE, GRACE_SECONDS)
    await refused("turning on a paused guest", call, Conflict)
    require_power(await driver.get_guest(guest.guest_id), Power.PAUSED, "after the refusal")


async def a_paused_guest_can_be_turned_off(bench: Bench) -> None:
    """A paused guest is switched off by force, and gracefully within the grace."""
    for mode in Mode:
        driver, _, guest = await _paused(bench)
        off = await driver.set_power(bench.order(3), guest.guest_id, PowerTarget.OFF, mode, GRACE_SECONDS)
        require_power(off, Power.OFF, f"switched off ({mode})")
        require_power(await driver.get_guest(guest.guest_id), Power.OFF, f"switched off ({mode})")
        await driver.close()


async def a_paused_guest_can_be_rebooted(bench: Bench) -> None:
    """A paused guest that is rebooted by force runs."""
    driver, _, guest = await _paused(bench)
    after = await driver.reboot(bench.order(3), guest.guest_id, Mode.FORCE, GRACE_SECONDS)
    require_power(after, Power.ON, "rebooted")
    require_power(await driver.get_guest(guest.guest_id), Power.ON, "rebooted")


async def a_running_guest_is_measured(bench: Bench) -> None:
    """The diagnostics of a running guest agree with its spec."""
    driver, spec = await bench.driver(), bench.spec()
    diagnoses = bench.diagnoses(driver)
    await driver.ensure_guest(bench.order(), spec, PowerTarget.ON)
    found = await diagnoses.diagnostics(spec.guest_id)
    require(found.power is Power.ON, f"measured {found.power}")
    require(found.vcpus == spec.vcpus, f"measured {found.vcpus} processors of {spec.vcpus}")
    require(found.memory_maximum_mib == spec.memory_mib, f"measured {found.memory_maximum_mib} MiB at most")
    require(0 <= found.memory_used_mib <= spec.memory_mib, f"measured {found.memory_used_mib} MiB in use")
    require(0 <= found.uptime_seconds < 86400, f"measured an uptime of {found.uptime_seconds} s")
    require(bool(found.driver and found.hypervisor), "the driver or the hypervisor has no name")
    names = [disk.name for disk in found.disks]
    require(set(names) <= {"root"}, f"measured disks {names}")
    macs = {nic.mac for nic in found.nics}
    require(macs <= {nic.mac for nic in spec.nics}, f"measured network interfaces {macs}")


async def what_is_off_cannot_be_measured(bench: Bench) -> None:
    """The diagnostics of a guest that is off are a Conflict."""
    driver = await bench.driver()
    diagnoses = bench.diagnoses(driver)
    guest = await bench.built(driver, PowerTarget.OFF)
    await refused("measuring what is off", diagnoses.diagnostics(guest.guest_id), Conflict)


async def _paused(bench: Bench) -> tuple[Driver, Pauses, Guest]:
    driver = await bench.driver()
    pauses = bench.pauses(driver)
    guest = await bench.built(driver)
    return driver, pauses, await pauses.pause(bench.order(2), guest.guest_id)


CHECKS = (
    a_guest_is_paused_and_goes_on,
    what_is_off_cannot_be_paused,
    a_paused_guest_cannot_be_turned_on,
    a_paused_guest_can_be_turned_off,
    a_paused_guest_can_be_rebooted,
    a_running_guest_is_measured,
    what_is_off_cannot_be_measured,
)
