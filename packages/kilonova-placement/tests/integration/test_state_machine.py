"""Any order of claims, binds, releases, expiry, inventory changes, crashes and races, against a simple model.

Two apps share the database, as two processes would; the model is a few dictionaries. After each step: the ledger is the
model, nothing is claimed beyond capacity, every claim has its owner; at the end both indexes prove that they are right.
"""

import asyncio
import contextlib
import shutil
import tempfile

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from kilonova_kit.errors import Conflict, NotFound
from kilonova_placement.model.claims import ClaimState, Owner
from kilonova_placement.model.explanations import Refused
from kilonova_placement.model.providers import Inventory, ProviderChange, ProviderReport
from kilonova_placement.model.requests import Request

_HOSTS = 3
_APPS = st.sampled_from((0, 1))
_HOST = st.integers(0, _HOSTS - 1)


class Cloud(RuleBasedStateMachine):
    """``live`` maps a claim id to (owner, host number, amount, state, expires_at)."""

    ids = Bundle("ids")
    make = None  # set by the test: the builders of conftest.py

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.mkdtemp()
        self.clock = None
        self.apps = [None, None]
        self.stacks = [contextlib.AsyncExitStack(), contextlib.AsyncExitStack()]
        self.totals, self.closed, self.live, self.count = {}, set(), {}, 0

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    async def _boot(self, which):
        self.stacks[which] = contextlib.AsyncExitStack()
        running = self.make.running(f"sqlite:///{self.folder}/p.db", self.clock, seed=which)
        service = await self.stacks[which].enter_async_context(running)
        self.apps[which], self.clock = service, service.clock

    @initialize(totals=st.lists(st.integers(0, 6), min_size=_HOSTS, max_size=_HOSTS))
    def begin(self, totals):
        for which in (0, 1):
            self.run(self._boot(which))
        for number, total in enumerate(totals):
            self._report(0, number, total)

    def _report(self, which, number, total):
        report = ProviderReport(name=f"h{number}", inventories={"VCPU": Inventory(total=total)})
        self.run(self.apps[which].client.put_provider(self.make.provider_id(number), report))
        self.totals[number] = total

    def _used(self, number):
        return sum(claim["amount"] for claim in self.live.values() if claim["host"] == number)

    def _fits(self, amount):
        return [n for n in self.totals if n not in self.closed and self.totals[n] - self._used(n) >= amount]

    async def _ask(self, which, claim_ids, amount):
        owner = Owner(name=f"server:{claim_ids[0]}", project_id="p", user_id="u")
        asked = Request(resources={"VCPU": amount})
        try:
            return await self.apps[which].client.claim(asked, [owner], claim_ids)
        except Refused:
            return None

    def _note(self, claims, owner_id, amount):
        for claim in claims:
            host = int(claim.host[1:])
            assert self.totals[host] - self._used(host) >= amount, "given more than there is"
            assert host not in self.closed, "given on a host that takes no claims"
            self.live[claim.claim_id] = {
                "owner": f"server:{owner_id}",
                "host": host,
                "amount": amount,
                "bound": False,
                "expires_at": claim.expires_at,
            }

    @rule(target=ids, which=_APPS, amount=st.integers(1, 3), many=st.integers(1, 3))
    def claim(self, which, amount, many):
        self.count += 1
        claim_ids = [f"c{self.count}-{number}" for number in range(many)]
        held = self.run(self._ask(which, claim_ids, amount))
        room = sum((self.totals[n] - self._used(n)) // amount for n in self._fits(amount) if self.totals[n] >= amount)
        assert (held is not None) == (room >= many), "refused although it fits, or the other way round"
        self._note(held or (), claim_ids[0], amount)
        return claim_ids[0]

    @rule(target=ids, amount=st.integers(1, 3))
    def race(self, amount):
        self.count += 1
        names = [f"r{self.count}-{which}" for which in (0, 1)]

        async def both():
            return await asyncio.gather(*(self._ask(which, [names[which]], amount) for which in (0, 1)))

        room = sum((self.totals[n] - self._used(n)) // amount for n in self._fits(amount))
        answers = self.run(both())
        assert sum(answer is not None for answer in answers) == min(2, room)
        for name, answer in zip(names, answers, strict=True):
            self._note(answer or (), name, amount)
        return names[0]

    @rule(which=_APPS, claim_id=ids)
    def ask_again(self, which, claim_id):
        alike = [other for other in self.live if other.split("-")[0] == claim_id.split("-")[0]]
        if alike != [claim_id]:
            return  # released, or one of several alike
        claim = self.live[claim_id]
        (again,) = self.run(self._ask(which, [claim_id], claim["amount"]))
        assert (again.host, again.owner.name) == (f"h{claim['host']}", claim["owner"])

    @rule(which=_APPS, claim_id=ids)
    def bind(self, which, claim_id):
        try:
            claim = self.run(self.apps[which].client.bind(claim_id))
        except (Conflict, NotFound):
            assert claim_id not in self.live
            return
        assert claim.state is ClaimState.BOUND
        self.live[claim_id]["bound"] = True

    @rule(which=_APPS, claim_id=ids)
    def renew(self, which, claim_id):
        try:
            claim = self.run(self.apps[which].client.renew(claim_id))
        except (Conflict, NotFound):
            assert claim_id not in self.live
            return
        self.live[claim_id]["expires_at"] = claim.expires_at

    @rule(which=_APPS, claim_id=ids)
    def release(self, which, claim_id):
        self.run(self.apps[which].client.release(claim_id))
        self.live.pop(claim_id, None)

    @rule(which=_APPS, seconds=st.sampled_from((1.0, 31.0, 61.0)))
    def time_passes(self, which, seconds):
        self.clock.now += seconds
        self.run(self.apps[which].app.reap())
        due = [k for k, claim in self.live.items() if not claim["bound"] and claim["expires_at"] <= self.clock.now]
        for claim_id in due:
            del self.live[claim_id]

    @rule(which=_APPS, number=_HOST, total=st.integers(0, 8))
    def inventory_changes(self, which, number, total):
        self._report(which, number, total)

    @rule(which=_APPS, number=_HOST, reason=st.sampled_from(("", "maintenance")))
    def disable_or_enable(self, which, number, reason):
        change = ProviderChange(disabled=reason)
        self.run(self.apps[which].client.change_provider(self.make.provider_id(number), change))
        (self.closed.add if reason else self.closed.discard)(number)

    @rule(which=_APPS)
    def crash_and_restart(self, which):
        self.run(self.stacks[which].aclose())
        self.run(self._boot(which))

    @invariant()
    def the_ledger_is_the_model(self):
        if not self.apps[0]:
            return

        async def all_claims():
            return [claim async for claim in self.apps[0].client.claims()]

        found = {claim.claim_id: claim for claim in self.run(all_claims())}
        assert found.keys() == self.live.keys(), "a claim was lost, or was never asked for"
        for claim_id, claim in found.items():
            expected = self.live[claim_id]
            assert (claim.owner.name, claim.host) == (expected["owner"], f"h{expected['host']}")
            assert [part.amounts for part in claim.providers] == [{"VCPU": expected["amount"]}]
            assert (claim.state is ClaimState.BOUND) == expected["bound"]

    @rule(which=_APPS)
    def prove(self, which):
        """Not after every step: a proof reads again what is old, and old pictures are what is tested here."""
        assert self.run(self.apps[which].app.prove()).wrong == ()

    def teardown(self):
        for app in self.apps:
            if app:
                assert self.run(app.app.prove()).wrong == ()
        for stack in self.stacks:
            self.run(stack.aclose())
        self.loop.close()
        shutil.rmtree(self.folder)


def test_no_order_of_events_breaks_the_ledger(make):
    from hypothesis.stateful import run_state_machine_as_test

    Cloud.make = make
    run_state_machine_as_test(
        Cloud,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
