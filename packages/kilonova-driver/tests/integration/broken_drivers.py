"""Drivers that each break one rule, and the checks that must catch them: no check passes for nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid

import msgspec
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.errors import Conflict, GuestNotFound, Unsupported
from kilonova_driver.types.guests import CpuLayout, Power
from kilonova_driver.types.inventory import Part, PciDevice
from kilonova_driver_fake import records
from kilonova_driver_fake.driver import FakeDriver

replace = msgspec.structs.replace
BIG = b"x" * 10_000


class Broken(FakeDriver):
    """The fake driver with its record of guests laid open."""

    caught_by: tuple[str, ...] = ()

    def overwrite(self, record, **changes):
        self._journal.write(replace(record, **changes))

    def record(self, guest_id):
        return self._journal.guests.get(guest_id)

    def overwrite_all(self, powers=tuple(Power), **changes):
        for record in list(self._journal.guests.values()):
            if record.power in powers:
                self.overwrite(record, **changes)


class HasNoVersion(Broken):
    caught_by = ("capabilities_say_who_the_driver_is",)

    def capabilities(self):
        return replace(super().capabilities(), version="")


class ChangesItsCapabilities(Broken):
    caught_by = ("capabilities_never_change",)

    def capabilities(self):
        return replace(super().capabilities(), version=f"with {len(self._journal.guests)} guests")


class HasNoDisk(Broken):
    caught_by = ("the_inventory_has_the_three_pools",)

    async def inventory(self):
        inventory = await super().inventory()
        return replace(inventory, pools=inventory.pools[:2])


class PromisesPartsOfNothing(Broken):
    caught_by = ("the_inventory_is_sound",)

    async def inventory(self):
        return replace(await super().inventory(), parts=(Part(name="machine", parent="rack"),))


class ShufflesItsDevices(Broken):
    caught_by = ("the_inventory_is_the_same_when_asked_again",)
    asked = 0

    async def inventory(self):
        type(self).asked += 1
        found = [PciDevice(address=f"0000:00:0{n}.0", vendor_id="10de", product_id="1db6") for n in (1, 2)]
        return replace(await super().inventory(), pci_devices=tuple(found[:: 1 if self.asked % 2 else -1]))


class CannotPin(Broken):
    caught_by = ("every_advertised_layout_is_given",)

    async def ensure_guest(self, order, spec, power):
        if spec.layout.pins:
            raise Unsupported("no pins here, whatever was advertised")
        return await super().ensure_guest(order, spec, power)


class IgnoresLayouts(Broken):
    caught_by = ("a_layout_that_is_not_the_guests_is_refused", "a_running_guest_keeps_what_it_sees_of_itself")

    async def ensure_guest(self, order, spec, power):
        return await super().ensure_guest(order, replace(spec, layout=CpuLayout()), power)


class InventsTraits(Broken):
    caught_by = ("the_inventory_uses_public_names",)

    async def inventory(self):
        return replace(await super().inventory(), traits=("fast",))


class CountsWhatIsFree(Broken):
    caught_by = ("the_inventory_counts_what_there_is_in_all",)

    async def inventory(self):
        inventory = await super().inventory()
        used = len(self._journal.guests)
        return replace(inventory, pools=tuple(replace(pool, total=pool.total - used) for pool in inventory.pools))


class PromisesAnUnknownTalent(Broken):
    caught_by = ("advertised_talents_are_fulfilled",)

    def capabilities(self):
        return replace(super().capabilities(), talents=frozenset({"pause", "juggling"}))


class LacksMethodsOfItsTalent(Broken):
    caught_by = ("advertised_talents_are_fulfilled",)

    diagnostics = None


class HidesItsTalents(Broken):
    caught_by = ("other_talents_are_absent",)

    def capabilities(self):
        return replace(super().capabilities(), talents=frozenset())


class NeverStarts(Broken):
    caught_by = ("a_guest_is_built_running",)

    async def ensure_guest(self, order, spec, power):
        return await super().ensure_guest(order, spec, PowerTarget.OFF)


class AlwaysStarts(Broken):
    caught_by = ("a_guest_is_built_switched_off",)

    async def ensure_guest(self, order, spec, power):
        return await super().ensure_guest(order, spec, PowerTarget.ON)


class BuildsAnewEachTime(Broken):
    caught_by = ("building_what_is_built_is_success", "a_repeated_build_has_no_second_effect")

    async def ensure_guest(self, order, spec, power):
        await super().ensure_guest(order, spec, power)
        self._journal.write(records.started(self.record(spec.guest_id), time.time()))
        return await self.get_guest(spec.guest_id)


class IgnoresThePowerOfWhatIsBuilt(Broken):
    caught_by = ("ensuring_brings_the_power_along",)

    async def ensure_guest(self, order, spec, power):
        if self.record(spec.guest_id):
            return await self.get_guest(spec.guest_id)
        return await super().ensure_guest(order, spec, power)


class ShrugsAtConflicts(Broken):
    caught_by = ("a_running_guest_keeps_its_processors", "a_disk_keeps_its_base")

    async def ensure_guest(self, order, spec, power):
        with contextlib.suppress(Conflict):
            return await super().ensure_guest(order, spec, power)
        return await self.get_guest(spec.guest_id)


class CorrectsImpossibleSpecs(Broken):
    caught_by = ("an_impossible_spec_is_refused",)

    async def ensure_guest(self, order, spec, power):
        return await super().ensure_guest(order, replace(spec, vcpus=max(1, spec.vcpus)), power)


class FallsOverImpossibleSpecs(Broken):
    caught_by = ("an_impossible_spec_is_refused",)

    async def ensure_guest(self, order, spec, power):
        _ = 1 // spec.vcpus
        return await super().ensure_guest(order, spec, power)


class IgnoresRequiredFeatures(Broken):
    caught_by = ("an_unknown_feature_is_refused",)

    async def ensure_guest(self, order, spec, power):
        return await super().ensure_guest(order, replace(spec, required_features=()), power)


class NeverLooksAtImages(Broken):
    caught_by = ("a_missing_image_is_refused",)

    def capabilities(self):
        return replace(super().capabilities(), needs_images=True)


class HasHugeHandles(Broken):
    caught_by = ("handles_are_small",)

    async def get_guest(self, guest_id):
        return replace(await super().get_guest(guest_id), handle=b"x" * 65_537)


class OnlyPretendsToStop(Broken):
    caught_by = (
        "a_guest_is_switched_off_by_force",
        "a_guest_is_switched_off_gracefully",
        "a_paused_guest_can_be_turned_off",
    )

    async def set_power(self, order, guest_id, target, mode, grace_seconds):
        if target is PowerTarget.OFF:
            return replace(await self.get_guest(guest_id), power=Power.OFF)
        return await super().set_power(order, guest_id, target, mode, grace_seconds)


class StartsWhatRuns(Broken):
    caught_by = ("a_guest_is_switched_on",)

    async def set_power(self, order, guest_id, target, mode, grace_seconds):
        if target is PowerTarget.ON:
            return await self.reboot(order, guest_id, mode, grace_seconds)
        return await super().set_power(order, guest_id, target, mode, grace_seconds)


class NeverReboots(Broken):
    caught_by = (
        "a_guest_is_rebooted_by_force",
        "a_guest_is_rebooted_gracefully",
        "rebooting_what_is_off_turns_it_on",
        "a_paused_guest_can_be_rebooted",
    )

    async def reboot(self, order, guest_id, mode, grace_seconds):
        return await self.get_guest(guest_id)


class ReadsTheConsoleOfNobody(Broken):
    caught_by = ("a_missing_guest_is_not_found",)

    async def console_log(self, guest_id, max_bytes):
        return await super().console_log(guest_id, max_bytes) if self.record(guest_id) else b""


class RaisesWhatItLikes(Broken):
    caught_by = ("a_missing_guest_is_not_found",)

    async def get_guest(self, guest_id):
        return records.view(self._journal.guests[guest_id])


class PausesOnlyOnce(Broken):
    caught_by = ("a_guest_is_paused_and_goes_on",)

    async def pause(self, order, guest_id):
        if self.record(guest_id).power is Power.PAUSED:
            raise Conflict("paused already")
        return await super().pause(order, guest_id)


class CannotDoWhatItAdvertises(Broken):
    caught_by = ("a_guest_is_paused_and_goes_on", "a_running_guest_is_measured", "what_is_off_cannot_be_measured")

    async def unpause(self, order, guest_id):
        raise Unsupported("not today")

    async def diagnostics(self, guest_id):
        raise Unsupported("not today")


class PausesTheDead(Broken):
    caught_by = ("what_is_off_cannot_be_paused",)

    async def pause(self, order, guest_id):
        self.overwrite(self.record(guest_id), power=Power.ON)
        return await super().pause(order, guest_id)


class TurnsOnWhatIsPaused(Broken):
    caught_by = ("a_paused_guest_cannot_be_turned_on",)

    async def set_power(self, order, guest_id, target, mode, grace_seconds):
        if target is PowerTarget.ON:
            return await self.unpause(order, guest_id)
        return await super().set_power(order, guest_id, target, mode, grace_seconds)


class MeasuresWrong(Broken):
    caught_by = ("a_running_guest_is_measured",)

    async def diagnostics(self, guest_id):
        return replace(await super().diagnostics(guest_id), vcpus=0)


class LogsWithoutBound(Broken):
    caught_by = ("the_console_log_is_bounded",)

    async def console_log(self, guest_id, max_bytes):
        return await super().console_log(guest_id, 1_000_000)


class LogsTheBeginning(Broken):
    caught_by = ("the_console_log_has_the_latest_text",)

    async def console_log(self, guest_id, max_bytes):
        return (await super().console_log(guest_id, 1_000_000))[:max_bytes]


class LetsGuestsDieInSilence(Broken):
    caught_by = ("the_death_of_a_guest_is_told",)

    async def kill_guest_for_check(self, guest_id):
        self.overwrite(self.record(guest_id), power=Power.CRASHED, reason="died")


class TalksForEver(Broken):
    caught_by = ("events_end_with_the_driver",)

    async def events(self):
        await asyncio.Event().wait()
        yield


class ForgetsOperations(Broken):
    caught_by = ("a_repeated_reboot_has_no_second_effect",)

    async def reboot(self, order, guest_id, mode, grace_seconds):
        order = replace(order, operation_id=str(uuid.uuid4()))
        return await super().reboot(order, guest_id, mode, grace_seconds)


class ForgetsOperationsWhenKilled(Broken):
    caught_by = ("a_reboot_repeated_to_a_new_driver_has_no_second_effect",)

    async def start(self):
        await super().start()
        self.overwrite_all(operations=())


class RemovesOnlyOnce(Broken):
    caught_by = ("a_repeated_stop_has_no_second_effect", "removing_what_is_gone_is_success")

    async def remove_guest(self, order, guest_id):
        if not self.record(guest_id):
            raise GuestNotFound(guest_id)
        await super().remove_guest(order, guest_id)


class NeverFindsAnOrderStale(Broken):
    caught_by = (
        "an_older_build_is_stale",
        "an_older_power_order_is_stale",
        "an_older_reboot_is_stale",
        "an_older_removal_is_stale",
        "an_older_pause_is_stale",
    )

    def newer(self, order, guest_id):
        record = self.record(guest_id)
        return replace(order, generation=max(order.generation, record.generation)) if record else order

    async def ensure_guest(self, order, spec, power):
        return await super().ensure_guest(self.newer(order, spec.guest_id), spec, power)

    async def remove_guest(self, order, guest_id):
        await super().remove_guest(self.newer(order, guest_id), guest_id)

    async def _obey(self, method, order, guest_id, change):
        return await super()._obey(method, self.newer(order, guest_id), guest_id, change)


class CountsOnlyBuilds(Broken):
    caught_by = ("every_kind_of_order_counts",)

    async def _obey(self, method, order, guest_id, change):
        before = self.record(guest_id)
        await super()._obey(method, order, guest_id, change)
        self.overwrite(self.record(guest_id), generation=before.generation)
        return await self.get_guest(guest_id)


class ForgetsGenerationsWhenKilled(Broken):
    caught_by = ("an_older_order_is_stale_to_a_new_driver",)

    async def start(self):
        await super().start()
        self.overwrite_all(generation=0)


class ForgetsTheRemoved(Broken):
    caught_by = ("a_late_build_does_not_bring_a_removed_guest_back",)

    async def ensure_guest(self, order, spec, power):
        self._journal.removed.clear()
        return await super().ensure_guest(order, spec, power)


class ForgetsTheRemovedWhenKilled(Broken):
    caught_by = ("a_late_build_is_stale_to_a_new_driver",)

    async def start(self):
        await super().start()
        self._journal.removed.clear()


class HasNoClock(Broken):
    caught_by = ("an_order_past_its_deadline_is_refused",)

    async def ensure_guest(self, order, spec, power):
        return await super().ensure_guest(replace(order, deadline=0.0), spec, power)


class UnpausesLate(Broken):
    caught_by = ("an_order_past_its_deadline_is_refused",)

    async def unpause(self, order, guest_id):
        return await super().unpause(replace(order, deadline=0.0), guest_id)


class TakesWhatItDoesNotAdvertise(Broken):
    caught_by = ("an_unknown_feature_is_refused",)

    def capabilities(self):
        return replace(super().capabilities(), features=super().capabilities().features - {"devices"})


class RemovesLate(Broken):
    caught_by = ("an_order_past_its_deadline_is_refused",)

    async def remove_guest(self, order, guest_id):
        await super().remove_guest(replace(order, deadline=0.0), guest_id)


class LeavesDisks(Broken):
    caught_by = ("a_guest_is_removed", "a_paused_guest_is_removed")

    async def ensure_guest(self, order, spec, power):
        (self._state_dir / f"disk-{spec.guest_id}").write_bytes(BIG)
        return await super().ensure_guest(order, spec, power)


class ListsTheRemoved(Broken):
    caught_by = ("a_guest_is_removed", "removing_what_is_gone_is_success")

    async def list_guests(self):
        gone = [
            records.Record(guest_id=name, generation=1, spec=None, power=Power.OFF) for name in self._journal.removed
        ]
        return (*await super().list_guests(), *map(records.view, gone))


class BuildsEachOnlyOnce(Broken):
    caught_by = ("a_removed_guest_can_be_built_again",)

    async def ensure_guest(self, order, spec, power):
        if spec.guest_id in self._journal.removed:
            raise Conflict("was here before")
        return await super().ensure_guest(order, spec, power)


class LeavesDrafts(Broken):
    """Right when nothing goes wrong: only a broken build shows it."""

    caught_by = ("a_half_made_guest_can_be_removed", "a_cancelled_build_can_be_removed")

    async def ensure_guest(self, order, spec, power):
        draft = self._state_dir / f"draft-{spec.guest_id}"
        draft.write_bytes(BIG)
        await asyncio.sleep(0.2)
        draft.unlink()
        return await super().ensure_guest(order, spec, power)


class CannotFinish(Broken):
    """Right when nothing goes wrong: a build that stopped half-way stands in the way of the next."""

    caught_by = ("a_half_made_guest_can_be_finished",)

    async def ensure_guest(self, order, spec, power):
        draft = self._state_dir / f"draft-{spec.guest_id}"
        if draft.exists():
            raise Conflict("somebody builds it already")
        draft.write_bytes(b"")
        await asyncio.sleep(0.2)
        draft.unlink()
        return await super().ensure_guest(order, spec, power)


class StartsGuestsAnewWhenKilled(Broken):
    caught_by = ("a_running_guest_survives_its_driver",)

    async def start(self):
        await super().start()
        self.overwrite_all((Power.ON,), started_at=time.time())


class WaitsOutTheGrace(Broken):
    """Its guests ignore the power button, and it has no ear for anything else meanwhile."""

    caught_by = ("a_removal_does_not_wait_for_a_graceful_stop",)
    waiting = 0.0

    async def set_power(self, order, guest_id, target, mode, grace_seconds):
        if mode is Mode.GRACEFUL:
            self.waiting = time.monotonic() + grace_seconds
            await asyncio.sleep(grace_seconds)
        return await super().set_power(order, guest_id, target, mode, grace_seconds)

    async def remove_guest(self, order, guest_id):
        await asyncio.sleep(self.waiting - time.monotonic())
        await super().remove_guest(order, guest_id)


class StartsEverythingWhenKilled(Broken):
    caught_by = ("a_guest_that_is_off_stays_off", "a_paused_guest_stays_paused")

    async def start(self):
        await super().start()
        self.overwrite_all((Power.OFF, Power.PAUSED), power=Power.ON)


class LosesAGuestWhenKilled(Broken):
    caught_by = ("every_guest_is_found_again",)

    async def start(self):
        await super().start()
        for guest_id in list(self._journal.guests)[:1]:
            del self._journal.guests[guest_id]


class StopsGuestsWhenClosed(Broken):
    caught_by = ("closing_touches_no_guest",)

    async def close(self):
        self.overwrite_all((Power.ON,), power=Power.OFF)
        await super().close()


class BelievesThatTheyLive(Broken):
    caught_by = ("a_guest_that_died_meanwhile_is_found_dead",)

    async def start(self):
        await super().start()
        self.overwrite_all((Power.CRASHED,), power=Power.ON)


class MixesGuestsUp(Broken):
    """Right for one guest at a time."""

    caught_by = ("eight_guests_at_once",)
    latest = None

    async def ensure_guest(self, order, spec, power):
        self.latest = spec.guest_id
        await super().ensure_guest(order, spec, power)
        await asyncio.sleep(0)
        return await self.get_guest(self.latest)


class NeverEndsABuild(Broken):
    """For the kit's own limit of time."""

    async def ensure_guest(self, order, spec, power):
        await asyncio.Event().wait()


class NeverEndsARemoval(Broken):
    """For the kit's own limit of time."""

    async def remove_guest(self, order, guest_id):
        await asyncio.Event().wait()
