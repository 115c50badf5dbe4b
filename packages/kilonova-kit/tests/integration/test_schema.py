"""Expand adds what is missing, only ever adds, and may be run by anybody at any time."""

import threading

import pytest
from kilonova_kit.database.schema import SchemaRefused, expand
from kilonova_kit.testing.postgresql import running_postgresql
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, create_engine, inspect, text


@pytest.fixture(scope="module")
def postgresql():
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def engine(request, tmp_path):
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'x.db'}" if sqlite else request.getfixturevalue("postgresql").new_database()
    made = create_engine(url)
    yield made
    made.dispose()


def tables(*columns, indexes=()):
    metadata = MetaData()
    Table("things", metadata, Column("id", Integer, primary_key=True), *columns, *indexes)
    return metadata


def test_tables_are_created_once(engine):
    assert expand(engine, tables()) == ["table things"]
    assert expand(engine, tables()) == []


def test_a_new_column_is_added_and_old_rows_read_null(engine):
    expand(engine, tables())
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO things (id) VALUES (1)"))
    assert expand(engine, tables(Column("name", String(20)))) == ["column things.name"]
    with engine.begin() as connection:
        assert connection.execute(text("SELECT id, name FROM things")).one() == (1, None)


def test_older_code_can_still_insert_after_a_column_with_a_default(engine):
    expand(engine, tables())
    expand(engine, tables(Column("count", Integer, nullable=False, server_default="7")))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO things (id) VALUES (1)"))
        assert connection.execute(text("SELECT count FROM things")).scalar() == 7


def test_a_column_that_would_stop_older_code_is_refused(engine):
    expand(engine, tables())
    with pytest.raises(SchemaRefused, match=r"things\.name.*server_default"):
        expand(engine, tables(Column("name", String(20), nullable=False)))


def test_a_missing_index_is_added(engine):
    expand(engine, tables(Column("name", String(20))))
    wanted = tables(Column("name", String(20)), indexes=(Index("ix_things_name", "name"),))
    assert expand(engine, wanted) == ["index ix_things_name"]
    assert [index["name"] for index in inspect(engine).get_indexes("things")] == ["ix_things_name"]


def test_nothing_is_ever_taken_away(engine):
    expand(engine, tables(Column("old", String(20))))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE somebody_elses (id INTEGER)"))
    assert expand(engine, tables()) == []
    seen = inspect(engine)
    assert {column["name"] for column in seen.get_columns("things")} == {"id", "old"}
    assert seen.has_table("somebody_elses")


def test_several_processes_may_expand_at_once(engine):
    failures = []

    def run():
        own = create_engine(engine.url)
        try:
            expand(own, tables(Column("name", String(20)), indexes=(Index("ix_things_name", "name"),)))
        except Exception as error:  # noqa: BLE001 - whatever it was, the test shows it
            failures.append(error)
        finally:
            own.dispose()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert inspect(engine).has_table("things")
