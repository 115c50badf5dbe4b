"""The one writer of claims in a process: decides and commits in groups, and keeps the index true.

Everything that changes claims or providers goes through one task, a round at a time. What arrives while a round commits
is decided together in the next: one transaction and one fsync for all of it.

    round:  changes of providers ──► re-read, show       claims ──► decide, take ─┐
                                                         releases ────────────────┴─► commit ──► settle

Settling: a committed claim stays taken and its owner is told; one whose provider or group had changed underneath
(another process was quicker) is given back, that is read again, and the claim is decided anew in the next round. A
refusal is final only after the change feed was read up to its end, for another process may have released something.

Invariant: between rounds the index equals the database at the generations that the index shows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from kilonova_kit.clock import Clock
from kilonova_kit.database import Database
from kilonova_kit.errors import Conflict, Unavailable
from kilonova_kit.ids import new_uuid
from kilonova_kit.metrics import counter, histogram

from kilonova_placement.app.feed import FeedPosition, News
from kilonova_placement.app.showing import give, show_outcome, take
from kilonova_placement.app.waiting import Asked, Change, Question, Release, Waiting, answer, by_kind, fail
from kilonova_placement.deciding.choosing import Chooser, Placement, choose
from kilonova_placement.deciding.index import Index
from kilonova_placement.model.claims import Claim, ClaimedAmounts, ClaimState, Owner
from kilonova_placement.model.explanations import Explanation, Refused
from kilonova_placement.store import changes as change_store
from kilonova_placement.store import claims as claim_store
from kilonova_placement.store import groups as group_store
from kilonova_placement.store import ledger as ledger_store
from kilonova_placement.store import providers as provider_store
from kilonova_placement.store.providers import Mark

log = logging.getLogger(__name__)
T = TypeVar("T")

_outcomes = counter("kilonova_placement_claims_total", "Claims asked for, by outcome", ("outcome",))
_group = histogram("kilonova_placement_round_claims", "Claims decided in one round", (), (1, 4, 16, 64, 256))

#: Claims decided in one round at most.
_MOST_IN_ROUND = 256
#: After a round of so many, the gathering for the next one ends when the loop was idle for so many seconds.
_MANY, _IDLE = 8, 0.0003
#: A turn of the loop in which nothing was done takes less than so many seconds.
_SHORT_TURN = 0.00005
#: Seconds for which a round is gathered at the most.
_LONGEST_GATHERING = 0.01
#: Rounds a claim may lose against other processes before its owner is told to ask again.
_MOST_ROUNDS = 50
#: Rows of the change feed read at once.
_MOST_CHANGES = 10_000
#: Hosts read at once when the index is built.
_HOSTS_AT_ONCE = 1_000
_AWAY = "placement is starting or shutting down: try again"


class Ledger:
    """``index`` may be read by anyone at any time; only this class changes it."""

    def __init__(self, database: Database, clock: Clock, chooser: Chooser, index: Index) -> None:
        self._database, self._clock, self._chooser = database, clock, chooser
        self.index = index
        self._writer = new_uuid()
        self._position = FeedPosition(0)
        self._asked: list[Asked] = []
        self._changes: list[Change[Any]] = []
        self._releases: list[Release] = []
        self._news = News(set(), set())
        self._were_many = False
        self._wake = asyncio.Event()
        self._between_rounds = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Build the index from the database, then take work."""
        self._position = FeedPosition(await self._database.read(change_store.newest_change))
        await self._build_index()
        self._task = asyncio.create_task(self._work(), name="placement-ledger")

    async def _build_index(self) -> None:
        """Read every tree, some at a time, so that memory holds no second copy of everything."""
        read, after = self._database.read, ""
        while hosts := await read(partial(provider_store.host_ids, after=after, limit=_HOSTS_AT_ONCE)):
            self.index.show(await read(partial(provider_store.load_trees, provider_ids=hosts)))
            after = hosts[-1]
        for use in await read(group_store.load_all_groups):
            self.index.groups.show(use)

    async def close(self) -> None:
        """Stop; whoever still waits is told that placement is away."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        _tell([*self._asked, *self._changes, *self._releases], Unavailable(_AWAY))

    # --- what others ask

    async def claim(self, question: Question) -> tuple[Claim, ...]:
        """Choose and hold. Raises Refused, Conflict (ids in use, nothing to move from), Unavailable."""
        asked = Asked(question, self._future())
        self._asked.append(asked)
        self._wake.set()
        return await asked.future

    async def release(self, claim_ids: Sequence[str], by: float | None = None) -> set[str]:
        """Let claims go; say which were live."""
        release = Release(claim_ids, by, self._future())
        self._releases.append(release)
        self._wake.set()
        return await release.future

    async def change(
        self, transaction: Callable[[Any, Mark], T], touched: Collection[str], groups: Collection[str] = ()
    ) -> T:
        """Run a transaction about providers and groups, then look at them again. Raises what it raises.

        ``touched`` (providers) and ``groups`` are read after the transaction, which may add to them.
        """
        mark = Mark(self._writer, self._clock())
        future: asyncio.Future[T] = self._future()
        self._changes.append(Change(lambda tx: transaction(tx, mark), touched, groups, future))
        self._wake.set()
        return await future

    def _future(self) -> asyncio.Future[Any]:
        """What whoever asks waits for. Raises Unavailable when no round will come."""
        self.check_running()
        return asyncio.get_running_loop().create_future()

    async def follow(self) -> None:
        """Read what other processes have changed; the next round looks at it. No round waits for this."""
        await self._hear()
        if self._news.providers or self._news.groups:
            self._wake.set()

    async def quietly(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run something between two rounds, when the index holds nothing that is not committed."""
        async with self._between_rounds:
            return await work()

    def check_running(self) -> None:
        """Raise Unavailable before the start and after the end."""
        if self.missing():
            raise Unavailable(_AWAY)

    def missing(self) -> list[str]:
        """What keeps it from deciding, in words."""
        running = self._task is not None and not self._task.done()
        return [] if running else ["placement has not built its index yet"]

    # --- rounds

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            await self._gather()
            self._wake.clear()
            asked, self._asked = self._asked[:_MOST_IN_ROUND], self._asked[_MOST_IN_ROUND:]
            releases, self._releases = self._releases, []
            changes, self._changes = self._changes, []
            if self._asked:
                self._wake.set()
            try:
                async with self._between_rounds:
                    await self._round(asked, releases, changes)
            except asyncio.CancelledError:
                _tell([*asked, *releases, *changes], Unavailable(_AWAY))
                raise
            except Exception as error:
                log.exception("a round of claims failed")
                _tell([*asked, *releases, *changes], error)

    async def _gather(self) -> None:
        """Let those who come at the same moment into one round, which costs little more for many than for one.

        More are waited for as long as every turn of the loop brings some. After a round of many, who have their answers
        now and are likely to ask again, the loop must have been idle for a moment as well (as PostgreSQL's
        ``commit_delay`` with its ``commit_siblings`` has it). Without this, the first of many who ask at once has a
        round of its own, and all others wait for its end.
        """
        clock = time.perf_counter  # the loop's own counts whole milliseconds
        enough = _IDLE if self._were_many else 0.0
        began = turned = clock()
        waiting, idle = 0, 0.0
        while len(self._asked) < _MOST_IN_ROUND and turned - began < _LONGEST_GATHERING:
            if len(self._asked) > waiting:
                waiting, idle = len(self._asked), 0.0
            elif idle >= enough:
                break
            await asyncio.sleep(0)
            now = clock()
            idle, turned = (idle + now - turned if now - turned < _SHORT_TURN else 0.0), now
        self._were_many = len(self._asked) >= _MANY

    async def _round(self, asked: list[Asked], releases: list[Release], changes: list[Change[Any]]) -> None:
        await self._run_changes(changes)
        self.index.pass_time(self._clock())
        refused = [waiting for waiting in asked if waiting.refusal]
        if refused:
            await self._settled(asked, self._hear)
        if self._news.providers or self._news.groups:
            await self._settled(asked, self._look_at_news)
        if refused:
            await self._settled(asked, lambda: self._answer_existing(refused))
        asked = [waiting for waiting in asked if not waiting.future.done()]
        self._decide(asked)
        decided = [waiting for waiting in asked if waiting.placements]
        if decided or releases:
            await self._commit(decided, releases)

    async def _settled(self, asked: list[Asked], work: Callable[[], Awaitable[None]]) -> None:
        """Do something that reads; when the database is away, those who ask are told."""
        try:
            await work()
        except Unavailable as error:
            for waiting in asked:
                fail(waiting.future, error)

    async def _run_changes(self, changes: list[Change[Any]]) -> None:
        if not changes:
            return
        writes = [self._database.write(change.transaction) for change in changes]
        results = await asyncio.gather(*writes, return_exceptions=True)
        self._news.providers.update(provider_id for change in changes for provider_id in change.touched)
        self._news.groups.update(group_id for change in changes for group_id in change.groups)
        try:
            await self._look_at_news()
        except Unavailable as error:
            log.info("providers could not be read again: %s", error)
        for change, result in zip(changes, results, strict=True):
            if isinstance(result, BaseException):
                fail(change.future, result)
            elif not change.future.done():
                change.future.set_result(result)

    def _decide(self, asked: list[Asked]) -> None:
        seen: set[str] = set()
        once: list[Asked] = []
        for waiting in asked:
            question = waiting.question
            names = (*question.claim_ids, *([question.leaves] if question.leaves else []))
            if not seen.isdisjoint(names):
                self._again(waiting)  # asked twice at the same moment: the second finds the first's claims
                continue
            seen.update(names)
            once.append(waiting)
        for alike in by_kind(once):
            self._decide_alike(alike)
        if asked:
            _group.observe(len(asked))

    def _decide_alike(self, alike: list[Asked]) -> None:
        """What asks the same is decided as one question; when not all of it fits, one after the other."""
        question = alike[0].question
        count = sum(len(waiting.question.claim_ids) for waiting in alike)
        found = choose(question.request, count, self.index, self._chooser, question.asking)
        if isinstance(found, Explanation):
            if len(alike) == 1:
                self._refuse(alike[0], found)
                return
            for waiting in alike:
                self._decide_alike([waiting])
            return
        placements = iter(found)
        for waiting in alike:
            self._take(waiting, list(islice(placements, len(waiting.question.claim_ids))))

    def _take(self, waiting: Asked, placements: list[Placement]) -> None:
        question, waiting.placements = waiting.question, placements
        each = zip(question.claim_ids, question.owners, placements, strict=True)
        waiting.claims = tuple(self._claim(*one, question) for one in each)
        take(self.index, waiting)

    def _refuse(self, waiting: Asked, explanation: Explanation) -> None:
        """The first time, read the change feed and try again; the second time it is final."""
        if waiting.refusal is not None:
            _outcomes.labels("refused").inc()
            fail(waiting.future, Refused(explanation))
            return
        waiting.refusal = explanation
        self._again(waiting)

    def _again(self, waiting: Asked) -> None:
        waiting.rounds += 1
        waiting.placements, waiting.claims = [], ()
        if waiting.rounds > _MOST_ROUNDS:
            fail(waiting.future, Unavailable("too many others claim the same hosts at this moment: try again"))
            return
        self._asked.append(waiting)
        self._wake.set()

    def _claim(self, claim_id: str, owner: Owner, placement: Placement, question: Question) -> Claim:
        index, amounts = self.index, dict[str, dict[str, int]]()
        for part in placement.parts:
            of = amounts.setdefault(index.provider_ids[part.row], {})
            of[part.resource_class] = of.get(part.resource_class, 0) + part.amount
        now = self._clock()
        return Claim(
            claim_id=claim_id,
            owner=owner,
            state=ClaimState.HELD,
            host_id=index.provider_ids[placement.root],
            host=index.names[placement.root],
            cell=index.cell_name(placement.root),
            providers=tuple(ClaimedAmounts(provider_id=key, amounts=value) for key, value in sorted(amounts.items())),
            expires_at=now + question.held_seconds,
            created_at=now,
            group_id=question.group_id,
            leaves=question.leaves,
        )

    # --- commit and settle

    async def _commit(self, decided: list[Asked], releases: list[Release]) -> None:
        batch = self._batch(decided, releases)
        try:
            outcome = await self._database.write(lambda tx: ledger_store.commit(tx, batch))
        except ledger_store.LostRace:
            await self._start_over(decided, releases, batch)
            return
        except Exception as error:
            for waiting in decided:
                give(self.index, waiting)
            if not isinstance(error, Unavailable):
                raise
            _tell([*decided, *releases], error)
            return
        elsewhere = show_outcome(self.index, decided, outcome)
        await self._settled(decided, lambda: self.reread(elsewhere.providers))
        await self._settled(decided, lambda: self.reread_groups(elsewhere.groups))
        for number, waiting in enumerate(decided):
            self._settle(waiting, number in outcome.committed, outcome)
        for release in releases:
            if not release.future.done():
                release.future.set_result(set(release.claim_ids) & outcome.released.keys())

    def _batch(self, decided: list[Asked], releases: list[Release]) -> ledger_store.Batch:
        touched = {part.provider_id for waiting in decided for claim in waiting.claims for part in claim.providers}
        watched = {waiting.question.group_id for waiting in decided if waiting.question.watches_group}
        release: dict[str, float | None] = {}
        for wanted in releases:
            for claim_id in wanted.claim_ids:
                sure = wanted.by is None or release.get(claim_id, wanted.by) is None
                release[claim_id] = None if sure else wanted.by
        return ledger_store.Batch(
            new=tuple(waiting.claims for waiting in decided),
            decided_on={key: self.index.generation_of(key) for key in touched},
            decided_in={key: self.index.groups.generation_of(key) for key in watched},
            release=release,
            mark=Mark(self._writer, self._clock()),
        )

    async def _start_over(self, decided: list[Asked], releases: list[Release], batch: ledger_store.Batch) -> None:
        for waiting in decided:
            give(self.index, waiting)
        await self._settled(decided, lambda: self.reread(batch.decided_on))
        await self._settled(decided, lambda: self.reread_groups({waiting.question.group_id for waiting in decided}))
        await self._settled(decided, lambda: self._answer_existing(decided))
        for waiting in decided:
            if not waiting.future.done():
                self._again(waiting)
        self._releases += releases
        self._wake.set()

    def _settle(self, waiting: Asked, committed: bool, outcome: ledger_store.Outcome) -> None:
        if waiting.future.done():
            return
        if committed:
            _outcomes.labels("held").inc(len(waiting.claims))
            waiting.future.set_result(waiting.claims)
        elif any(claim_id in outcome.existing for claim_id in waiting.question.claim_ids):
            answer(waiting, outcome.existing)
        elif waiting.question.leaves in outcome.cannot_leave:
            fail(waiting.future, Conflict(outcome.cannot_leave[waiting.question.leaves], kind="placement.cannot_move"))
        else:
            _outcomes.labels("raced").inc()
            self._again(waiting)

    async def _answer_existing(self, asked: list[Asked]) -> None:
        """Whoever asks again with ids that are in the ledger gets those claims, also when there is no room now."""
        ids = [claim_id for waiting in asked for claim_id in waiting.question.claim_ids]
        existing = await self._database.read(lambda tx: claim_store.find_claims(tx, ids))
        for waiting in asked:
            if any(claim_id in existing for claim_id in waiting.question.claim_ids):
                answer(waiting, existing)

    # --- the index and the database

    async def _hear(self) -> None:
        """Read the change feed to its end."""
        more = True
        while more:
            read = await self._database.read(
                lambda tx: change_store.changes_after(tx, self._position.floor, self._writer, _MOST_CHANGES)
            )
            news = self._position.news(read.changes, self._clock(), read.up_to)
            self._news.providers.update(news.providers)
            self._news.groups.update(news.groups)
            more = len(read.changes) == _MOST_CHANGES and bool(news.providers or news.groups)

    async def _look_at_news(self) -> None:
        """Read again what has changed elsewhere; when the database is away, it stays news."""
        news, self._news = self._news, News(set(), set())
        try:
            await self.reread(news.providers)
            await self.reread_groups(news.groups)
        except Unavailable:
            self._news.providers.update(news.providers)
            self._news.groups.update(news.groups)
            raise

    async def reread(self, provider_ids: Iterable[str]) -> None:
        """Show these providers (and their trees) as the database has them now."""
        wanted = set(provider_ids)
        if not wanted:
            return
        uses = await self._database.read(lambda tx: provider_store.load_trees(tx, wanted))
        for provider_id in wanted - {use.provider.provider_id for use in uses}:
            self.index.drop(provider_id)
        self.index.show(uses)

    async def reread_groups(self, group_ids: Iterable[str]) -> None:
        """Show these groups as the database has them now."""
        wanted = set(group_ids) - {""}
        if not wanted:
            return
        uses = await self._database.read(lambda tx: group_store.load_groups(tx, wanted))
        for group_id in wanted:
            self.index.groups.forget(group_id)
        for use in uses:
            self.index.groups.show(use)


def _tell(everyone: Iterable[Waiting], error: BaseException) -> None:
    for waiting in everyone:
        fail(waiting.future, error)
