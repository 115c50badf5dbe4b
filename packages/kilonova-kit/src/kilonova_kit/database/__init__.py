"""One way to a database, SQLite and PostgreSQL alike: SQLAlchemy Core, synchronous, in database threads.

    database = Database("sqlite:////var/lib/kilonova/cell1.db")
    await database.start(metadata)                        # creates and expands the tables (schema.py)
    row = await database.read(lambda tx: tx.execute(select(servers)).first())
    await database.write(lambda tx: tx.execute(insert(servers).values(...)))

A transaction is a plain function of a connection. It runs in a thread, so it must not touch the event loop; it may run
again after a passing fault, so it must have no effect but on the database. Only ``store`` rooms import SQLAlchemy.
"""

from sqlalchemy import Connection

from kilonova_kit.database.database import Database, DatabaseUnavailable, Transaction
from kilonova_kit.database.many import InsertMany, LookUpMany, UpdateMany
from kilonova_kit.database.types import Json, StringList
from kilonova_kit.database.upserts import Upsert

__all__ = [
    "Connection",
    "Database",
    "DatabaseUnavailable",
    "InsertMany",
    "Json",
    "LookUpMany",
    "StringList",
    "Transaction",
    "UpdateMany",
    "Upsert",
]
