"""The SQLite file of a data folder: opened safely, its schema brought up to date, one writer at a time.

One connection, one lock: every call is short, and SQLite takes one writer at a time in any case. Other processes
(a terminal command beside the server) may open the same file. What stands in the tables is the affair of the
modules that are given a ``DataFile``: ``agent.store`` and those beside it, and an app that keeps a file of its own.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database, Migrations

from agent.errors import BadInputError, DiskFullError, StoreError
from agent.migrations import migrations, unknown

if TYPE_CHECKING:
    import sqlite3
else:
    import pysqlite3 as sqlite3

FILE_NAME = "switchboard.db"
# Releases 3.7.0 to 3.51.2 can corrupt a database when the write-ahead log is reset (sqlite.org/wal.html).
SAFE_SQLITE = (3, 51, 3)
BUSY_SECONDS = 5.0


class DataFile:
    """The database of one data folder. Safe to call from many threads.

    Every method may raise StoreError, or DiskFullError if the disk takes no more; nothing is half-written then.
    """

    def __init__(self, path: Path, db: Database) -> None:
        """Wrap an open database; use ``DataFile.open``."""
        self.folder = path.parent
        self.path = path
        self._db = db
        self._mutex = threading.RLock()

    @classmethod
    def open(cls, folder: Path, name: str = FILE_NAME, steps: Migrations = migrations) -> DataFile:
        """Open the folder's database ``name``, making both if needed, and bring its schema up to date by ``steps``.

        Raises StoreError if the folder cannot be used, or if the file is damaged or from a newer release.
        """
        if sqlite3.sqlite_version_info < SAFE_SQLITE:
            raise StoreError(
                f"SQLite {sqlite3.sqlite_version} can damage a database; "
                f"{'.'.join(map(str, SAFE_SQLITE))} or later is needed. Install pysqlite3 0.6.1 or later."
            )
        path = folder / name
        try:
            # Conversations are personal: what we make is for our own account alone.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise _from_os(f"Cannot use the data folder {folder}", error) from error
        with _translated(path):
            connection = sqlite3.connect(str(path), timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                file = cls(path, Database(connection))
                connection.row_factory = sqlite3.Row
                _use_write_ahead_log(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                # What is deleted or overwritten becomes zeros in the file, not free space with the old text in it.
                connection.execute("PRAGMA secure_delete = ON")
                file._migrate(steps)
            except BaseException:
                connection.close()
                raise
        return file

    def _migrate(self, steps: Migrations) -> None:
        newer = unknown(self._db, steps)
        if newer:
            raise StoreError(f"{self.path} was written by a newer release ({', '.join(newer)}). Update Switchboard.")
        if steps.pending(self._db):
            with self.transaction():
                steps.apply(self._db)

    def close(self) -> None:
        with self._mutex:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction. It takes the write lock at once, so that read-then-write cannot fail half-way.

        Within another one of the same thread it is a part of that one: both are kept, or neither. So an error that
        leaves the inner one has to leave the outer one too.
        """
        with self._within("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """For several reads that must see the database as it was at the first."""
        with self._within("BEGIN") as connection:
            yield connection

    @contextmanager
    def _within(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._mutex, _translated(self.path):
            connection = self._db.conn
            if connection.in_transaction:
                yield connection
                return
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def checkpoint(self) -> bool:
        """Empty the log of changes, which holds what was overwritten in the file; False if another process reads the
        database just now, and so still needs the log."""
        [row] = self.read("PRAGMA wal_checkpoint(TRUNCATE)", [])
        return not row["busy"]

    def compact(self) -> bool:
        """Write the whole file anew, so that nothing deleted is left between its rows; then as ``checkpoint``.

        Takes seconds for a gigabyte, in which nobody else can write.
        """
        self.read("VACUUM", [])
        return self.checkpoint()

    def read(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows by column name; values go in as parameters."""
        with self._mutex, _translated(self.path):
            return [dict(row) for row in self._db.conn.execute(sql, parameters)]


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """SQLite does not wait by itself while another process that opens the new file holds it for a moment."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise BadInputError("not_text", "The text holds half a character (a lone surrogate).") from error
    except sqlite3.Error as error:
        cause = str(error)
        if "database or disk is full" in cause:
            raise DiskFullError(
                "There is no room left to store this, so nothing was kept. "
                f"Whoever runs the service needs to free space where {path.parent} lies."
            ) from error
        raise StoreError(f"The database {path} cannot be used: {cause}. Nothing was kept.") from error


def _from_os(what: str, error: OSError) -> StoreError:
    kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
    return kind(f"{what}: {error.strerror}.")


def now() -> str:
    """UTC, ISO 8601, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def insert(db: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Add a row within a transaction."""
    marks = ", ".join("?" * len(row))
    # Names of tables and columns come from our own code alone, never from a request.
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608
