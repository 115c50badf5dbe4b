"""The database threads, on real SQLite files and a real PostgreSQL: durable, grouped, patient, and each to its own."""

import asyncio
import sqlite3
import subprocess
import sys
import threading

import pytest
from kilonova_kit.database import Database, DatabaseUnavailable, InsertMany, Json, LookUpMany, StringList, UpdateMany
from kilonova_kit.errors import BadRequest
from kilonova_kit.testing.postgresql import running_postgresql
from sqlalchemy import Column, Integer, MetaData, String, Table, event, insert, select, update
from sqlalchemy.exc import IntegrityError

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("name", String(50), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("plain", Json),
    Column("words", StringList),
)


@pytest.fixture(scope="module")
def postgresql():
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'things.db'}"
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture
async def database(url):
    opened = Database(url, patience_seconds=3.0)
    await opened.start(METADATA)
    yield opened
    await opened.close()


def add(name, count=0, **more):
    return lambda tx: tx.execute(insert(THINGS).values(name=name, count=count, **more))


def count_of(name):
    return lambda tx: tx.execute(select(THINGS.c.count).where(THINGS.c.name == name)).scalar()


def names(tx):
    return sorted(tx.execute(select(THINGS.c.name)).scalars())


async def test_what_was_written_is_read(database):
    await database.write(add("a", 1, plain={"x": [1, None]}, words=["p", "q"]))
    row = await database.read(lambda tx: tx.execute(select(THINGS)).one())
    assert (row.name, row.count, row.plain, row.words) == ("a", 1, {"x": [1, None]}, ["p", "q"])


async def test_no_list_reads_as_an_empty_one(database):
    await database.write(add("a"))
    row = await database.read(lambda tx: tx.execute(select(THINGS)).one())
    assert (row.plain, row.words) == (None, [])


async def test_an_error_is_its_transactions_own(database):
    await database.write(add("taken"))
    writes = [database.write(add(name)) for name in ("x", "taken", "y", "taken", "z")]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [isinstance(outcome, IntegrityError) for outcome in outcomes] == [False, True, False, True, False]
    assert await database.read(names) == ["taken", "x", "y", "z"]


async def test_a_transaction_that_raises_leaves_nothing(database):
    def half(tx):
        add("half")(tx)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(half)
    assert await database.read(names) == []


async def test_many_writes_at_once_share_commits_and_lose_nothing(database):
    await database.write(add("n", 0))

    def one_more(tx):
        before = tx.execute(select(THINGS.c.count).where(THINGS.c.name == "n").with_for_update()).scalar_one()
        tx.execute(update(THINGS).where(THINGS.c.name == "n").values(count=before + 1))
        return before + 1

    seen = await asyncio.gather(*(database.write(one_more) for _ in range(200)))
    assert sorted(seen) == list(range(1, 201))
    assert await database.read(count_of("n")) == 200


async def test_two_processes_on_one_database_do_not_lose_each_others_writes(database, url):
    await database.write(add("n", 0))
    other = Database(url)
    await other.start(METADATA)

    def one_more(tx):
        before = tx.execute(select(THINGS.c.count).where(THINGS.c.name == "n").with_for_update()).scalar_one()
        tx.execute(update(THINGS).where(THINGS.c.name == "n").values(count=before + 1))

    await asyncio.gather(*(each.write(one_more) for each in (database, other) for _ in range(50)))
    assert await database.read(count_of("n")) == 100
    await other.close()


async def test_a_cancelled_caller_does_not_harm_the_writer(database):
    task = asyncio.create_task(database.write(add("a")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.write(add("b"))
    assert "b" in await database.read(names)


async def test_close_finishes_the_work_that_waits(url):
    opened = Database(url)
    await opened.start(METADATA)
    writes = [asyncio.ensure_future(opened.write(add(f"w{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await opened.close()
    await asyncio.gather(*writes)
    again = Database(url)
    await again.start(METADATA)
    assert len(await again.read(names)) == 20
    await again.close()


async def test_a_locked_sqlite_file_is_waited_for(tmp_path):
    path = tmp_path / "locked.db"
    opened = Database(f"sqlite:///{path}", patience_seconds=20.0)
    await opened.start(METADATA)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    write = asyncio.ensure_future(opened.write(add("a")))
    done, _ = await asyncio.wait([write], timeout=0.2)
    assert not done
    threading.Timer(0.1, lambda: other.execute("ROLLBACK")).start()
    await write
    assert await opened.read(names) == ["a"]
    other.close()
    await opened.close()


async def test_patience_ends_and_the_next_write_succeeds(tmp_path):
    path = tmp_path / "locked.db"
    opened = Database(f"sqlite:///{path}", patience_seconds=0.1)
    await opened.start(METADATA)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        await opened.write(add("a"))
    other.execute("ROLLBACK")
    other.close()
    await opened.write(add("b"))
    assert await opened.read(names) == ["b"]
    await opened.close()


_WRITER = """
import asyncio, sys
from kilonova_kit.database import Database
from sqlalchemy import Column, Integer, MetaData, Table, insert
metadata = MetaData()
numbers = Table("numbers", metadata, Column("n", Integer, primary_key=True))
async def main():
    database = Database(sys.argv[1])
    await database.start(metadata)
    for n in range(100000):
        await database.write(lambda tx: tx.execute(insert(numbers).values(n=n)))
        print(n, flush=True)
asyncio.run(main())
"""


def test_an_answer_means_that_the_disk_has_it(tmp_path):
    path = tmp_path / "numbers.db"
    child = subprocess.Popen([sys.executable, "-c", _WRITER, f"sqlite:///{path}"], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = [int(child.stdout.readline()) for _ in range(50)]
    child.kill()
    rest = child.stdout.read().split("\n")
    told += [int(line) for line in rest[:-1]]
    child.wait()
    child.stdout.close()
    with sqlite3.connect(path) as connection:
        kept = {n for (n,) in connection.execute("SELECT n FROM numbers")}
    connection.close()
    assert set(told) <= kept


async def test_a_closed_database_refuses_work_at_once(url):
    opened = Database(url)
    await opened.start(METADATA)
    await opened.close()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await opened.write(add("a"))
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await opened.read(names)


async def test_a_database_that_is_not_open_yet_refuses_work_at_once(url):
    unopened = Database(url)
    with pytest.raises(DatabaseUnavailable, match="not open"):
        await unopened.write(names)
    with pytest.raises(DatabaseUnavailable, match="not open"):
        await unopened.read(names)
    await unopened.close()


@pytest.mark.parametrize("ends_with", [StopIteration, SystemExit, asyncio.CancelledError])
async def test_whatever_a_transaction_ends_with_its_caller_is_told_and_the_writer_lives_on(database, ends_with):
    def fail(tx):
        add("half")(tx)
        raise ends_with

    with pytest.raises(RuntimeError, match=ends_with.__name__):
        async with asyncio.timeout(20):
            await database.write(fail)
    await database.write(add("whole"))
    assert await database.read(names) == ["whole"]


async def test_a_hostile_regular_expression_holds_nobody_up(database):
    await database.write(add("a" * 48 + "!"))
    found = await database.read(
        lambda tx: list(tx.execute(select(THINGS).where(THINGS.c.name.regexp_match("^(a+)+$"))))
    )
    assert found == []
    query = select(THINGS.c.name).where(THINGS.c.name.regexp_match("^a+!$"))
    assert await database.read(lambda tx: len(list(tx.execute(query)))) == 1


async def test_numbers_that_no_database_can_hold_are_refused(database):
    await database.write(add("a"))
    with pytest.raises(BadRequest, match="too large"):
        await database.write(add("b", 2**64))
    first, second = await asyncio.gather(
        database.write(add("c", 10**30)), database.write(add("d", 4)), return_exceptions=True
    )
    assert isinstance(first, BadRequest)
    assert not isinstance(second, Exception)
    assert await database.read(names) == ["a", "d"]


async def test_a_question_about_too_large_a_number_is_refused_or_finds_nothing(database):
    await database.write(add("a"))
    try:
        found = await database.read(lambda tx: list(tx.execute(select(THINGS).where(THINGS.c.count == 10**30))))
    except BadRequest:
        found = []
    assert found == []


PAIRS = (
    {"name": "one", "count": 1},
    {"name": 'quote"\\ äöü \U0001f600', "count": -(2**31)},
    {"name": "null", "count": 3},
)


async def test_many_rows_go_in_with_one_statement_and_are_changed_with_one(database):
    enter = InsertMany(THINGS, "name", "count")
    add = UpdateMany(THINGS, "name", lambda row: {"count": THINGS.c.count + row["more"]}, more=Integer())
    look = LookUpMany(THINGS, "name", "count", lock=True)
    names = [pair["name"] for pair in PAIRS]
    statements = []

    def work(tx):
        event.listen(tx, "before_cursor_execute", lambda *words: statements.append(words[2]))
        enter.put(tx, PAIRS)
        assert look.get(tx, [*names, "nobody"]) == {pair["name"]: pair["count"] for pair in PAIRS}
        add.put(tx, [{"name": "one", "more": 10}, {"name": "null", "more": -1}, {"name": "nobody", "more": 5}])
        return look.get(tx, names)

    assert list((await database.write(work)).values()).count(11) == 1
    assert len(statements) == 4
    assert await database.read(lambda tx: look_unlocked(tx, names)) == {names[0]: 11, names[1]: -(2**31), names[2]: 2}


def look_unlocked(tx, names):
    return LookUpMany(THINGS, "name", "count").get(tx, names)


async def test_no_rows_are_no_statement(database):
    def work(tx):
        event.listen(tx, "before_cursor_execute", lambda *words: pytest.fail(words[2]))
        InsertMany(THINGS, "name", "count").put(tx, [])
        return LookUpMany(THINGS, "name", "count").get(tx, [])

    assert await database.read(work) == {}


async def test_a_row_that_is_there_is_refused_as_ever(database):
    enter = InsertMany(THINGS, "name", "count")
    await database.write(lambda tx: enter.put(tx, PAIRS))
    with pytest.raises(IntegrityError):
        await database.write(lambda tx: enter.put(tx, PAIRS))


def test_columns_that_json_says_otherwise_are_refused():
    with pytest.raises(TypeError):
        InsertMany(THINGS, "name", "plain")


async def test_what_was_to_be_written_is_not_in_the_error_that_is_logged(database):
    await database.write(add("a", plain={"secret": "sesame"}))
    with pytest.raises(IntegrityError) as raised:
        await database.write(add("a", plain={"secret": "sesame"}))
    assert "sesame" not in str(raised.value)
