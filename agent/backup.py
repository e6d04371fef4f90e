"""Backups of the database: whole copies in ``<data>/backups``, taken while the service runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent.database import DataFile
from agent.errors import StoreError
from agent.lock import COPIES, FolderLock

if TYPE_CHECKING:
    import sqlite3
else:
    import pysqlite3 as sqlite3

FOLDER = "backups"
SUFFIX = ".db"
HALF = ".new"


@dataclass(frozen=True, slots=True)
class Backup:
    path: Path
    bytes: int


def make_backup(file: DataFile) -> Backup:
    """Copy the database, as it is at this moment, to a new file named by the time (UTC).

    Raises StoreError, DiskFullError, and LockedError while another copy is made or something is erased from all; no
    half copy is left then.
    """
    folder = file.folder / FOLDER
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}{SUFFIX}"
    aside = path.with_suffix(HALF)
    with closing(FolderLock(file.folder, "a backup", COPIES)):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            # Made by us first, so that it is for our own account alone; VACUUM INTO takes an empty file.
            os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            file.read("VACUUM INTO ?", [str(aside)])
            with aside.open("rb") as copy:
                os.fsync(copy.fileno())
            os.replace(aside, path)
        except OSError as error:
            raise StoreError(f"Cannot write a backup into {folder}: {error.strerror}.") from error
        finally:
            aside.unlink(missing_ok=True)
    return Backup(path, path.stat().st_size)


def remove_halves(data: Path) -> None:
    """Delete what a killed backup left; to be called with the lock COPIES held."""
    for half in (data / FOLDER).glob(f"*{HALF}*"):
        half.unlink()


def backups(data: Path) -> list[Backup]:
    """Those of a data folder, the oldest first."""
    return [Backup(path, path.stat().st_size) for path in sorted((data / FOLDER).glob(f"*{SUFFIX}"))]


@contextmanager
def opened(backup: Backup) -> Iterator[sqlite3.Connection]:
    """A backup as a database that rows can be removed from for good; each statement is a transaction of its own.

    Raises StoreError naming the backup, as does whatever is done with the connection.
    """
    try:
        db = sqlite3.connect(str(backup.path), isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")
            yield db
        finally:
            db.close()
    except sqlite3.Error as error:
        raise StoreError(f"The backup {backup.path} cannot be used: {error}. If it is damaged, delete it.") from error
