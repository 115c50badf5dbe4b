"""Any order of claims, moves, groups, expiry, inventory changes, removals, crashes and races, against a simple model.

Two apps share the database, as two processes would, and often ask at the same moment; the model is a few dictionaries.
After each step: the ledger is the model, nothing is claimed beyond what there was, every claim has its owner, every
group's policy holds, and what both indexes show of a generation is what the ledger has of it.

    KILONOVA_STATES=20 pytest -s packages/kilonova-placement/tests/integration/test_state_machine.py

runs for so many minutes per database instead of some seconds, with a new seed each time, and prints seeds and steps.
``KILONOVA_STATES_SEED`` is the first seed.
"""

import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pytest
from claim_model import GROUPS, HOSTS, PARTS, Asked, Live, Model, check_groups
from claim_world import TwoProcesses
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from kilonova_kit.errors import Conflict
from kilonova_kit.testing.postgresql import binaries, running_postgresql
from kilonova_placement.app.proving import members_differ, sums_differ
from kilonova_placement.model.claims import ClaimState, Owner
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.providers import Inventory, ProviderChange, ProviderReport
from kilonova_placement.store.groups import load_all_groups
from kilonova_placement.store.providers import load_all

_MEMORY = "/dev/shm"  # what is on a disk is proven elsewhere
_MINUTES = float(os.environ.get("KILONOVA_STATES", "0"))
_FIRST_SEED = int(os.environ.get("KILONOVA_STATES_SEED", "1"))

_APPS = st.sampled_from((0, 1))
_PICK = st.integers(0, 999)
_ASKED = st.builds(
    Asked,
    vcpu=st.sampled_from((1, 1, 1, 2, 3)),
    gpus=st.sampled_from((0, 0, 0, 1, 2)),
    group=st.sampled_from((None, "apart", "near", *GROUPS)),
)


class Cloud(RuleBasedStateMachine):
    """``asked``: ids of claims that were asked for, whether they were held or not."""

    make = None  # set by the test, with the next two
    new_url = None
    steps: ClassVar[Counter] = Counter()

    def __init__(self):
        super().__init__()
        self.world, self.clean_up = None, None
        self.model, self.count, self.asked = Model(), 0, ["c0-0"]

    @initialize(totals=st.lists(st.integers(0, 8), min_size=4, max_size=4), gpus=st.integers(0, 3))
    def begin(self, totals, gpus):
        url, self.clean_up = type(self).new_url()
        self.world = TwoProcesses(self.make, url)
        for number, total in enumerate(totals):
            self._report(0, number, total)
        for number in PARTS:
            self._report(0, number, gpus)

    def _report(self, which, number, total):
        name, parent = ("VCPU", None) if number in HOSTS else ("PGPU", self.make.provider_id(PARTS[number]))
        report = ProviderReport(name=f"h{number}", parent_id=parent, inventories={name: Inventory(total=total)})
        self.world.run(self.world[which].client.put_provider(self.make.provider_id(number), report))
        self.model.totals[number] = total

    # --- claims

    def _new_ids(self, many):
        self.count += 1
        claim_ids = [f"c{self.count}-{number}" for number in range(many)]
        self.asked += claim_ids
        return claim_ids

    def _count(self, what, number=1):
        type(self).steps[what] += number

    def _any(self, pick, among):
        """Mostly one of these, at times any that was ever asked for."""
        ids = sorted(among) if among and pick % 16 else self.asked
        return ids[pick // 16 % len(ids)]

    def _movable(self, pick, which, asked):
        """A claim to move from; one is made first where there is none."""
        if not self.model.movable():
            self._claim(which, asked)
        return self._any(pick, self.model.movable())

    def _open(self, pick, which, asked):
        """A move to decide about; one is begun first where there is none."""
        if not self.model.open_moves():
            self._move_one(which, self._movable(pick, which, asked), asked, elsewhere=bool(pick % 2))
        return self._any(pick, self.model.open_moves())

    @staticmethod
    def _owner(claim_id):
        group, _, number = claim_id.removeprefix("c").partition("-")
        name = f"server:00000000-0000-0000-{int(number):04d}-{int(group):012d}"
        return Owner(name=name, project_id="p", user_id="u")

    async def _ask(self, which, claim_ids, asked):
        owners = [self._owner(claim_id) for claim_id in claim_ids]
        return await self.world[which].client.claim(asked.request(), owners, claim_ids)

    def _note(self, claims, asked):
        """Write down what was given, unless it should not have been."""
        for claim in claims:
            host = int(claim.host[1:])
            amounts = {
                (int(part.provider_id[-12:]), name): amount
                for part in claim.providers
                for name, amount in part.amounts.items()
            }
            assert host in self.model.room(asked, claim.owner.name)[1], "given where it may not stand"
            assert all(self.model.left(*key) >= amount for key, amount in amounts.items()), "more than there is"
            assert amounts.get((host, "VCPU")) == asked.vcpu
            assert sum(amounts.values()) == asked.vcpu + asked.gpus
            self.model.live[claim.claim_id] = Live(
                claim.owner.name, host, asked, amounts, False, claim.expires_at, claim.leaves
            )
            self.model.made[claim.claim_id] = claim.leaves
            self._count("given in a group" if asked.group else "given")
            self._count("moves", bool(claim.leaves))

    @rule(which=_APPS, asked=_ASKED, many=st.sampled_from((1, 1, 2, 3)), bind=st.sampled_from((True, True, False)))
    def claim(self, which, asked, many, bind):
        self._claim(which, asked, many, bind)

    def _claim(self, which, asked, many=1, bind=True):
        claim_ids = self._new_ids(many)
        room = self.model.room(asked)[0]
        held = self.world.try_to(self._ask(which, claim_ids, asked))
        assert (held is not None) == (room >= many), "refused although it fits, or the other way round"
        self._note(held or (), asked)
        for claim in held or () if bind else ():
            self._bind(which, claim.claim_id)

    @rule(one=_ASKED, two=_ASKED, alike=st.booleans())
    def race_claims(self, one, two, alike):
        asked = (one, one if alike else two)
        names = [self._new_ids(1)[0] for _ in asked]
        rooms = [self.model.room(each)[0] for each in asked]
        answers = self.world.both(*(self._ask(which, [names[which]], asked[which]) for which in (0, 1)))
        won = [not isinstance(answer, Refused) for answer in answers]
        for which in (0, 1):
            self._note(answers[which] if won[which] else (), asked[which])
        for which in (0, 1):
            assert won[which] or not rooms[which] or not self.model.room(asked[which])[0], "refused although it fits"

    @rule(which=_APPS, pick=_PICK)
    def ask_again(self, which, pick):
        claim_id = self._any(pick, self.model.live)
        alike = [other for other in self.model.live if other.split("-")[0] == claim_id.split("-")[0]]
        if alike != [claim_id] or self.model.made[claim_id]:
            return  # released, or one of several alike, or moved here
        claim = self.model.live[claim_id]
        (again,) = self.world.run(self._ask(which, [claim_id], claim.asked))
        assert (again.host, again.owner.name) == (f"h{claim.host}", claim.owner)

    @rule(which=_APPS, pick=_PICK)
    def bind(self, which, pick):
        self._bind(which, self._any(pick, self.model.held()))

    def _bind(self, which, claim_id):
        claim = self.world.try_to(self.world[which].client.bind(claim_id))
        assert (claim is not None) == (claim_id in self.model.live)
        if claim:
            self.model.live[claim_id].bound, self.model.live[claim_id].expires_at = True, None

    @rule(which=_APPS, pick=_PICK)
    def renew(self, which, pick):
        claim_id = self._any(pick, self.model.held())
        claim = self.world.try_to(self.world[which].client.renew(claim_id))
        assert (claim is not None) == (claim_id in self.model.live)
        if claim:
            self.model.live[claim_id].expires_at = claim.expires_at

    @rule(which=_APPS, pick=_PICK)
    def release(self, which, pick):
        self._release(which, self._any(pick, self.model.live))

    def _release(self, which, claim_id):
        self.world.run(self.world[which].client.release(claim_id))
        self.model.live.pop(claim_id, None)

    @rule(pick=_PICK, asked=_ASKED)
    def race_release_and_claim(self, pick, asked):
        claim_id = self._any(pick, self.model.live)
        name = self._new_ids(1)[0]
        before = self.model.room(asked)[0]
        _, answer = self.world.both(self.world[0].client.release(claim_id), self._ask(1, [name], asked))
        gone = self.model.live.pop(claim_id, None)
        won = not isinstance(answer, Refused)
        after = self.model.room(asked)[0]
        assert won or not (before and after), "refused although it fits before and after"
        if won:
            unchanged = not before and gone is not None and not after
            assert not unchanged, "given although it never fitted"
            self._note_loosely(answer, asked, gone)

    def _note_loosely(self, claims, asked, gone):
        """It was decided before the release or after: one of both must have allowed it."""
        try:
            self._note(claims, asked)
        except AssertionError:
            if gone is None:
                raise
            self.model.live["gone"] = gone
            try:
                self._note(claims, asked)
            finally:
                del self.model.live["gone"]

    @rule(which=_APPS, pick=_PICK)
    def drop_allocations(self, which, pick):
        """Through the Placement API: whatever its owner has."""
        claim_id = self._any(pick, self.model.live)
        owner = self._owner_of(claim_id)
        status = self.world.run(
            self.world[which].http.request("DELETE", f"/allocations/{owner.removeprefix('server:')}")
        ).status
        mine = [key for key, claim in self.model.live.items() if claim.owner == owner]
        assert status == (204 if mine else 404)
        for key in mine:
            self._count("dropped from a group", bool(self.model.live[key].asked.group))
            del self.model.live[key]

    def _owner_of(self, claim_id):
        while left := self.model.made.get(claim_id):
            claim_id = left
        return self._owner(claim_id).name

    # --- moves

    async def _move(self, which, claim_id, goes_to, asked, elsewhere):
        return await self.world[which].client.move(asked.request(), claim_id, goes_to, elsewhere=elsewhere)

    def _moving(self, claim_id, asked, elsewhere):
        """What the owner of a claim asks for, and whether there is room for it."""
        claim = self.model.live.get(claim_id)
        asked = Asked(asked.vcpu, asked.gpus, claim.asked.group if claim else asked.group)
        owner, not_host = (claim.owner, claim.host if elsewhere else None) if claim else ("", None)
        return asked, self.model.room(asked, owner, not_host)[0] > 0 and claim_id in self.model.movable()

    @rule(which=_APPS, pick=_PICK, asked=_ASKED, elsewhere=st.booleans())
    def move(self, which, pick, asked, elsewhere):
        self._move_one(which, self._movable(pick, which, asked), asked, elsewhere)

    def _move_one(self, which, claim_id, asked, elsewhere):
        asked, can = self._moving(claim_id, asked, elsewhere)
        (goes_to,) = self._new_ids(1)
        claim = self.world.try_to(self._move(which, claim_id, goes_to, asked, elsewhere))
        assert (claim is not None) == can, "not moved although it could be, or the other way round"
        if claim:
            assert not elsewhere or claim.host != f"h{self.model.live[claim_id].host}"
            assert (claim.owner.name, claim.leaves) == (self.model.live[claim_id].owner, claim_id)
            self._note([claim], asked)

    @rule(pick=_PICK, asked=_ASKED)
    def race_moves(self, pick, asked):
        claim_id = self._movable(pick, 0, asked)
        asked, can = self._moving(claim_id, asked, False)
        names = [self._new_ids(1)[0] for _ in (0, 1)]
        answers = self.world.both(*(self._move(which, claim_id, names[which], asked, False) for which in (0, 1)))
        held = [answer for answer in answers if not isinstance(answer, Exception)]
        assert len(held) == can, "an owner moves to one place"
        self._note(held, asked)

    @rule(which=_APPS, pick=_PICK, asked=_ASKED)
    def confirm(self, which, pick, asked):
        self._confirm(which, self._open(pick, which, asked))

    def _confirm(self, which, claim_id):
        claim = self.world.try_to(self.world[which].client.confirm_move(claim_id))
        assert (claim is not None) == (claim_id in self.model.live and self.model.live[claim_id].leaves != "")
        if claim:
            self.model.confirmed(claim_id)
            self._count("confirmed")

    @rule(which=_APPS, pick=_PICK, asked=_ASKED)
    def revert(self, which, pick, asked):
        claim_id = self._open(pick, which, asked)
        done = self.world.try_to(self._reverted(which, claim_id))
        is_move, is_live = bool(self.model.made.get(claim_id)), claim_id in self.model.live
        assert bool(done) == (is_move and (not is_live or self.model.live[claim_id].leaves in self.model.live))
        if done and self.model.live.pop(claim_id, None):
            self._count("reverted")

    async def _reverted(self, which, claim_id):
        await self.world[which].client.revert_move(claim_id)
        return True

    @rule(pick=_PICK, asked=_ASKED)
    def race_confirm_and_revert(self, pick, asked):
        claim_id = self._open(pick, 0, asked)
        if claim_id not in self.model.open_moves():
            return
        confirmed, reverted = self.world.both(self.world[0].client.confirm_move(claim_id), self._reverted(1, claim_id))
        assert isinstance(confirmed, Exception) != isinstance(reverted, Exception), "both, or none"
        if reverted is True:
            del self.model.live[claim_id]
        else:
            self.model.confirmed(claim_id)

    # --- time, providers, crashes

    @rule(which=_APPS, seconds=st.sampled_from((1.0, 31.0, 61.0)))
    def time_passes(self, which, seconds):
        self.world.clock.now += seconds
        self.world.run(self.world[which].app.reap())
        self.model.expired(self.world.clock.now)

    @rule(pick=_PICK, seconds=st.sampled_from((31.0, 61.0)))
    def race_bind_and_expiry(self, pick, seconds):
        claim_id = self._any(pick, self.model.held())
        self.world.clock.now += seconds
        bound, _ = self.world.both(self.world[0].client.bind(claim_id), self.world[1].app.reap())
        if not isinstance(bound, Exception):
            self.model.live[claim_id].bound, self.model.live[claim_id].expires_at = True, None
        self.model.expired(self.world.clock.now)
        assert isinstance(bound, Exception) == (claim_id not in self.model.live)

    @rule(which=_APPS, number=st.sampled_from((*HOSTS, *PARTS)), total=st.integers(0, 8))
    def inventory_changes(self, which, number, total):
        if PARTS.get(number, 0) in (*self.model.totals, 0):
            self._report(which, number, total)

    @rule(which=_APPS, number=st.sampled_from((*HOSTS, *PARTS)))
    def remove_provider(self, which, number):
        try:
            self.world.run(self.world[which].client.delete_provider(self.make.provider_id(number)))
        except Conflict:
            claimed = any(key[0] == number for claim in self.model.live.values() for key in claim.amounts)
            assert claimed or any(PARTS.get(part) == number for part in self.model.totals)
            return
        self.model.totals.pop(number, None)
        self.model.closed.discard(number)
        assert not any(PARTS.get(part) == number for part in self.model.totals), "a part without its host"

    @rule(which=_APPS, number=st.sampled_from(HOSTS), reason=st.sampled_from(("", "maintenance")))
    def disable_or_enable(self, which, number, reason):
        change = ProviderChange(disabled=reason)
        found = self.world.try_to(self.world[which].client.change_provider(self.make.provider_id(number), change))
        assert (found is not None) == (number in self.model.totals)
        if found:
            (self.model.closed.add if reason else self.model.closed.discard)(number)

    @rule(which=_APPS)
    def crash_and_restart(self, which):
        self.world.restart(which)

    @rule(which=_APPS, asked=_ASKED, many=st.integers(1, 2), committed=st.booleans())
    def crash_while_claiming(self, which, asked, many, committed):
        claim_ids = self._new_ids(many)
        fits = self.model.room(asked)[0] >= many
        owners = [self._owner(claim_id) for claim_id in claim_ids]
        self.world.die(which, lambda client: client.claim(asked.request(), owners, claim_ids), committed=committed)
        written = self.world.run(self._ledger()).keys() & set(claim_ids)
        assert len(written) == (many if fits and committed else 0), "half of it was written"
        again = self.world.try_to(self._ask(which, claim_ids, asked))
        assert (again is not None) == fits
        self._note(again or (), asked)

    @rule(which=_APPS, pick=_PICK, committed=st.booleans())
    def crash_while_releasing(self, which, pick, committed):
        claim_id = self._any(pick, self.model.live)
        self.world.die(which, lambda client: client.release(claim_id), committed=committed)
        self._release(which, claim_id)

    @rule(which=_APPS, pick=_PICK, committed=st.booleans(), asked=_ASKED)
    def crash_while_confirming(self, which, pick, committed, asked):
        claim_id = self._open(pick, which, asked)
        if claim_id in self.model.open_moves():
            self.world.die(which, lambda client: client.confirm_move(claim_id), committed=committed)
            self._confirm(which, claim_id)

    @rule(which=_APPS, pick=_PICK, asked=_ASKED, committed=st.booleans())
    def crash_while_moving(self, which, pick, asked, committed):
        claim_id = self._movable(pick, which, asked)
        asked, can = self._moving(claim_id, asked, False)
        (goes_to,) = self._new_ids(1)
        request = asked.request()
        self.world.die(which, lambda client: client.move(request, claim_id, goes_to), committed=committed)
        assert (goes_to in self.world.run(self._ledger())) == (can and committed)
        again = self.world.try_to(self._move(which, claim_id, goes_to, asked, False))
        assert (again is not None) == can
        self._note([again] if again else (), asked)

    @rule(which=_APPS)
    def prove(self, which):
        """Not after every step: a proof reads again what is old, and old pictures are what is tested here."""
        assert self.world.run(self.world[which].app.prove()).wrong == ()

    # --- after each step

    async def _ledger(self):
        return {claim.claim_id: claim async for claim in self.world[0].client.claims()}

    @invariant()
    def the_ledger_is_the_model(self):
        if self.world is None:
            return
        self._count("steps")
        found = self.world.run(self._ledger())
        assert found.keys() == self.model.live.keys(), "a claim was lost, or was never asked for"
        for claim_id, claim in found.items():
            expected = self.model.live[claim_id]
            assert (claim.owner.name, claim.host) == (expected.owner, f"h{expected.host}")
            assert (claim.group_id, claim.leaves) == (expected.asked.group or "", expected.leaves)
            assert (claim.state is ClaimState.BOUND, claim.expires_at) == (expected.bound, expected.expires_at)
            assert sum(sum(part.amounts.values()) for part in claim.providers) == sum(expected.amounts.values())
        check_groups(found.values())
        self.world.run(self._check_moves_and_indexes())

    async def _check_moves_and_indexes(self):
        moves = {move.goes_to.claim_id: move.leaves.claim_id async for move in self.world[1].client.moves()}
        assert moves == self.model.open_moves()
        for service in self.world.apps:
            uses = await service.app.database.read(load_all)
            groups = await service.app.database.read(load_all_groups)
            index = service.app.ledger.index
            assert not [use for use in uses if sums_differ(use, index)]
            assert not [use for use in groups if members_differ(use, index.groups)]

    def teardown(self):
        if self.world is None:
            return
        try:
            for which in (0, 1):
                assert self.world.run(self.world[which].app.prove()).wrong == ()
        finally:
            self.world.close()
            self.clean_up()


def _try_all(machine, number, examples, steps):
    """One seed. Prints how far it went; the steps of a failure are printed by hypothesis."""
    before, begun = machine.steps["steps"], time.monotonic()
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink) if os.environ.get("KILONOVA_STATES_SHRINK") else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(machine), settings=how)
    took = time.monotonic() - begun
    print(f"seed {number}: {examples} examples, {machine.steps['steps'] - before} steps, {took:.0f} s", flush=True)
    print(", ".join(f"{what}: {times}" for what, times in sorted(machine.steps.items())), flush=True)


def _drive(make, new_url, examples):
    machine = type("Cloud", (Cloud,), {"make": make, "new_url": staticmethod(new_url), "steps": Counter()})
    end, number = time.monotonic() + 60 * _MINUTES, _FIRST_SEED
    if not _MINUTES:
        _try_all(machine, number, examples, 30)
        return
    while time.monotonic() < end:
        _try_all(machine, number, 30, 50)
        number += 1
    print(f"{number - _FIRST_SEED} seeds from {_FIRST_SEED}, {machine.steps['steps']} steps", flush=True)


@pytest.mark.timeout(300 + 120 * _MINUTES)
def test_no_order_of_events_breaks_the_ledger_on_sqlite(make):
    def new_url():
        folder = tempfile.mkdtemp(dir=_MEMORY if Path(_MEMORY).is_dir() else None)
        return f"sqlite:///{folder}/p.db", lambda: shutil.rmtree(folder)

    _drive(make, new_url, 10)


@pytest.mark.postgresql
@pytest.mark.timeout(300 + 120 * _MINUTES)
def test_no_order_of_events_breaks_the_ledger_on_postgresql(make):
    if binaries() is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running_postgresql() as server:
        _drive(make, lambda: (server.new_database(), lambda: None), 7)
