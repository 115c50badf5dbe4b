"""The database threads: a writer with group commit, and readers.

One writer thread takes every transaction that waits, runs each under a savepoint of its own, and commits them together:
one fsync for all. A transaction that raises is rolled back to its savepoint and harms no other. Callers are told only
after the commit, so an answer means that the disk has it. The writer keeps its connection until something fails on it.
It moves SQLite's log into the database when it has told them and nobody waits, since that takes as long as a commit.

Passing faults (a locked database, a server that is away, a full disk) are met with a pause and a new try of the whole
group until ``patience_seconds`` are over; then the callers get ``DatabaseUnavailable``, and the next group tries anew.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, pool
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError

from kilonova_kit.database.schema import expand
from kilonova_kit.errors import BadRequest, Unavailable
from kilonova_kit.metrics import histogram
from kilonova_kit.patterns import occurs

log = logging.getLogger(__name__)

T = TypeVar("T")
Transaction = Callable[[Connection], T]

_group_size = histogram("kilonova_database_group_size", "Transactions committed together", ("database",))

#: The execution option that marks the writer's connection.
_WRITES = "kilonova_writes"

#: For how long a PostgreSQL server may be silent when it is called; libpq itself would wait for minutes.
_CONNECT_SECONDS = 10

#: PostgreSQL's codes for "run it again": serialization failure, deadlock, lock not available, server starting or going.
_PASSING_STATES = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "08006", "08001", "08003"})

#: The same in words, for SQLite and for connections that broke.
_PASSING_WORDS = (
    *("locked", "locking protocol", "busy", "disk is full", "disk i/o error", "unable to open"),
    *("connection", "server closed"),
)


#: Rows to be written until SQLite's log is moved into the database; each changes a page of 4 KB or two.
_MANY_ROWS = 4_000


class DatabaseUnavailable(Unavailable):
    """The database is locked, full or away for longer than we wait."""

    kind = "database_unavailable"


class _Work:
    """A transaction that waits for the writer."""

    __slots__ = ("context", "error", "future", "loop", "result", "run")

    def __init__(self, run: Transaction[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.run, self.loop = run, loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.context = contextvars.copy_context()
        self.result: Any = None
        self.error: Exception | None = None

    def settle(self, error: BaseException | None = None) -> None:
        """Tell the waiting task, unless it has gone (or its loop has)."""
        try:
            self.loop.call_soon_threadsafe(self._settle, _blamed(error or self.error))
        except RuntimeError:
            log.debug("the loop that asked is closed")

    def _settle(self, error: Exception | None) -> None:
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self.result)


class Database:
    """One database. ``name`` is for logs and metrics. ``scattered``: a SQLite that is written all over, and much."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        readers: int = 2,
        patience_seconds: float = 10.0,
        scattered: bool = False,
    ) -> None:
        self.url, self.name = url, name or url.rsplit("/", 1)[-1]
        self._patience = patience_seconds
        self.engine = _make_engine(url, readers, scattered)
        self._is_open = self._closed = False
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_for_ever, name=f"write-{self.name}", daemon=True)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix=f"read-{self.name}")
        self._group_size = _group_size.labels(self.name)
        #: The writer thread's own; None before its first work and after a failure.
        self._writing: Connection | None = None
        #: How many rows the writer's connection had written when the log was moved last.
        self._moved_at = 0

    @property
    def is_open(self) -> bool:
        """Whether it takes work: from the end of ``start`` to ``close``."""
        return self._is_open

    async def start(self, metadata: MetaData, *, patience_seconds: float | None = None) -> None:
        """Create what is missing and expand what is older, then take work. Raises DatabaseUnavailable; may be repeated.

        ``patience_seconds`` is for this only, where it is not to be the usual one.
        """
        await asyncio.to_thread(self._persist, lambda: expand(self.engine, metadata), patience_seconds)
        self._writer.start()
        self._is_open = True

    async def close(self) -> None:
        """Finish the work that waits, then let go; later work is refused."""
        self._closed, self._is_open = True, False
        if self._writer.is_alive():
            self._queue.put(None)
            await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        self.engine.dispose()

    async def write(self, transaction: Transaction[T]) -> T:
        """Run a transaction; when this returns, it is on disk. Raises what it raises, or DatabaseUnavailable."""
        self._check_open()
        work = _Work(transaction, asyncio.get_running_loop())
        self._queue.put(work)
        result: T = await work.future
        return result

    async def read(self, transaction: Transaction[T]) -> T:
        """Run a function that only reads, in a reader thread, on one snapshot."""
        self._check_open()
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, context.run, self._read, transaction)

    def _check_open(self) -> None:
        if not self._is_open:
            raise DatabaseUnavailable(f"database {self.name} is {'closed' if self._closed else 'not open'}")

    def _read(self, transaction: Transaction[T]) -> T:
        def attempt() -> T:
            with self.engine.connect() as connection:
                return transaction(connection)

        try:
            return self._persist(attempt)
        except (OverflowError, DataError) as error:
            raise _unkeepable() from error

    def _write_for_ever(self) -> None:
        while True:
            group = self._next_group()
            if group and group[-1] is None:
                self._commit_or_fail([work for work in group if work is not None])
                self._stop_writing()
                return
            self._commit_or_fail([work for work in group if work is not None])

    def _next_group(self, most: int = 256) -> list[_Work | None]:
        """Wait for one piece of work, then take all that is there already."""
        group = [self._queue.get()]
        while group[-1] is not None and len(group) < most:
            try:
                group.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return group

    def _commit_or_fail(self, group: Sequence[_Work]) -> None:
        if not group:
            return
        try:
            self._persist(lambda: self._commit(group))
        except BaseException as error:  # noqa: BLE001 - whatever it was, every caller is told, and the writer lives on
            for work in group:
                work.settle(error)
            return
        self._group_size.observe(len(group))
        for work in group:
            work.settle()
        self._move_log()

    def _move_log(self) -> None:
        """Move SQLite's log into the database, if there is enough of it and nobody waits."""
        if self._writing is None or self._writing.dialect.name != "sqlite" or not self._queue.empty():
            return
        driver: Any = self._writing.connection.driver_connection
        if driver.total_changes - self._moved_at < _MANY_ROWS:
            return
        self._moved_at = driver.total_changes
        try:
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
        except sqlite3.Error as error:
            log.info("database %s: its log stays as it is for now: %s", self.name, error)

    def _commit(self, group: Sequence[_Work]) -> None:
        try:
            if self._writing is None:
                self._writing = self.engine.connect().execution_options(**{_WRITES: True})
                self._moved_at = 0
            if len(group) == 1:
                self._run_alone(group[0], self._writing)
                return
            with self._writing.begin():
                for work in group:
                    self._run_one(work, self._writing)
        except BaseException:
            self._stop_writing()
            raise

    def _stop_writing(self) -> None:
        """Let the connection go; the next work gets another."""
        connection, self._writing = self._writing, None
        if connection is not None:
            connection.close()

    def _run_alone(self, work: _Work, connection: Connection) -> None:
        """One transaction alone needs no savepoint: the whole is rolled back, and nothing else with it."""
        work.error = None
        try:
            with connection.begin():
                work.result = work.context.run(work.run, connection)
        except Exception as error:
            if _is_passing(error):
                raise
            work.error = error

    def _run_one(self, work: _Work, connection: Connection) -> None:
        """Run one transaction under its savepoint; its own error is its own, a passing fault is the group's."""
        work.error = None
        _plainly(connection, "SAVEPOINT work")
        try:
            work.result = work.context.run(work.run, connection)
        except Exception as error:
            if _is_passing(error):
                raise
            work.error = error
            _plainly(connection, "ROLLBACK TO SAVEPOINT work")
        _plainly(connection, "RELEASE SAVEPOINT work")

    def _persist(self, attempt: Callable[[], T], patience_seconds: float | None = None) -> T:
        """Try until it works or patience is over; only passing faults are tried again."""
        patience = self._patience if patience_seconds is None else patience_seconds
        give_up, pause = time.monotonic() + patience, 0.005
        while True:
            try:
                return attempt()
            except (OperationalError, InterfaceError, DBAPIError) as error:
                if not _is_passing(error):
                    raise
                if time.monotonic() + pause > give_up:
                    raise DatabaseUnavailable(f"database {self.name} is unavailable: {_reason(error)}") from error
                log.info("database %s: %s; trying again", self.name, _reason(error))
            time.sleep(pause)
            pause = min(pause * 2, 0.5)


#: Errors are logged with their statement; its values may be hashes of passwords, and secrets.
_COMMON: dict[str, Any] = {"max_overflow": 2, "hide_parameters": True}


def _make_engine(url: str, readers: int, scattered: bool) -> Engine:
    if not url.startswith("sqlite"):
        most = {"connect_timeout": _CONNECT_SECONDS} if "+psycopg:" in url else {}
        engine = create_engine(url, pool_size=readers + 1, pool_pre_ping=True, connect_args=most, **_COMMON)
        event.listen(engine, "connect", _tune_postgresql)
        return engine
    engine = create_engine(
        url, poolclass=pool.QueuePool, pool_size=readers + 1, connect_args={"check_same_thread": False}, **_COMMON
    )
    event.listen(engine, "connect", _tune_sqlite)
    if scattered:
        event.listen(engine, "connect", _widen_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


_PRAGMAS = (
    "journal_mode=WAL",  # readers never wait for the writer
    "synchronous=FULL",  # a commit is on disk
    "foreign_keys=ON",
    "busy_timeout=2000",
    "cache_size=-2000",
    "temp_store=MEMORY",  # or each statement that may fail half-way makes and removes a file
    "wal_autocheckpoint=16000",  # 64 MB: the writer does it before, between commits; this is for when it never rests
)


def _tune_postgresql(connection: Any, _: Any) -> None:
    """Find rows by their index: PostgreSQL takes disks to turn, and reads whole tables to spare them that."""
    connection.execute("SET random_page_cost = 1.1")
    connection.commit()


def _tune_sqlite(connection: Any, _: Any) -> None:
    """How SQLite works for us. BEGIN is ours, not the driver's."""
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()
    connection.create_function("regexp", 2, _regexp, deterministic=True)


def _widen_sqlite(connection: Any, _: Any) -> None:
    """8 MB of cache instead of 2."""
    connection.execute("PRAGMA cache_size=-8000").close()


def _regexp(pattern: str, text: object) -> bool:
    """SQLite's REGEXP operator. SQLAlchemy brings one that uses ``re``, which a hostile pattern stops for ever."""
    return text is not None and occurs(pattern, str(text))


def _begin_sqlite(connection: Connection) -> None:
    """The writer takes the lock at once: a transaction that reads first could otherwise not become a writing one."""
    if connection.get_execution_options().get(_WRITES, False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN").close()  # it takes no lock and cannot fail, so it needs nothing that SQLAlchemy puts around


def _plainly(connection: Connection, text: str) -> None:
    """Run what has no values. SQLite's savepoints need nothing that SQLAlchemy puts around them, so they go past it."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.execute(text).close()
    else:
        connection.exec_driver_sql(text)


def _blamed(error: BaseException | None) -> Exception | None:
    """The error as the caller shall see it: what no database can hold is a fault of who sent it, not one of ours.

    What would end a thread, or what a future refuses to carry, is told in words: the caller must not wait for ever.
    """
    if isinstance(error, OverflowError | DataError):
        return _unkeepable()
    if error is None or (isinstance(error, Exception) and not isinstance(error, StopIteration)):
        return error
    return RuntimeError(f"a transaction ended with {error!r}")


def _unkeepable() -> BadRequest:
    return BadRequest("A value cannot be stored or compared: a number is too large, or a text holds a NUL character.")


def _is_passing(error: BaseException) -> bool:
    """Whether the same work may succeed later: locked, busy, full, away."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _PASSING_STATES:
        return True
    words = str(error.orig).lower()
    return isinstance(error, OperationalError) and any(sign in words for sign in _PASSING_WORDS)


def _reason(error: DBAPIError) -> str:
    """The driver's own words in one line, without the statement and its values."""
    return " ".join(str(error.orig).split())[:200]
