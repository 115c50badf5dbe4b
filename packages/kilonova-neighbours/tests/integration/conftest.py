"""One PostgreSQL server for all tests of a run that ask for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kilonova_kit.testing.postgresql import PostgresqlServer, binaries, running_postgresql


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    if binaries() is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running_postgresql() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql: PostgresqlServer) -> str:
    """An empty database of this test's own."""
    return postgresql.new_database()
