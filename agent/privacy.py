"""Privacy: all that is kept of a customer, shown, handed out, or erased so that no copy of it is left.

An erasure first takes the texts out of the files that were made of them (model versions, reports, exported reviews) and
the rows out of the backups, then out of the database: killed at any point, the same call goes on, as the texts are
still known until the end. The log is not in the data folder, and names no client.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.audit import AuditLog
from agent.backup import Backup, backups, opened, remove_halves
from agent.customers import ITEM_TABLES, Found, Rows, Subject
from agent.database import DataFile, now
from agent.holds import HoldBook
from agent.lock import COPIES, TRAINING, FolderLock
from agent.redaction import Redactor
from agent.scrub import Texts, scrub


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure took away."""

    conversations: int
    messages: int
    feedback: int
    reviews: int
    events: int
    """What users did with items, the rows of items that they were shown, and their wishes."""
    files: tuple[str, ...]
    """That held texts, relative to the data folder."""
    backups: tuple[str, ...]
    """That held rows."""
    whole: bool
    """False while another process reads the database: its log of changes then holds the rows until the next erasure,
    sweep or start of the service."""

    def __bool__(self) -> bool:
        return bool(self.conversations or self.feedback or self.reviews or self.events or self.files or self.backups)


class Privacy:
    """Over a data folder. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(self, file: DataFile, redactor: Redactor) -> None:
        """``redactor`` is the one through which texts went into training data."""
        self._file = file
        self._redactor = redactor
        self.holds = HoldBook(file)
        self._audit = AuditLog(file)
        self._mutex = threading.Lock()

    def show(self, subject: Subject) -> dict[str, Any]:
        """What there is of a subject, without its texts, ready for JSON: conversations, counts, the clients that are
        held, the backups that have something of it."""
        with self._file.snapshot() as db:
            rows = Rows(db, subject)
            found, conversations = rows.found(), rows.listed()
        clients = found.clients | {subject.named}
        return {
            "conversations": conversations,
            "messages": found.messages,
            "feedback": found.feedback,
            "reviews": found.reviews,
            "events": found.events,
            "held": [hold.client_id for hold in self.holds.holds() if hold.client_id in clients],
            "backups": [backup.path.name for backup in backups(self._file.folder) if _in_backup(backup, subject).found],
        }

    def export(self, subject: Subject) -> Iterator[str]:
        """All that the database has of a subject, as the text of one JSON object in pieces, a conversation each."""
        yield f'{{"exported_at": {json.dumps(now())}, "conversations": ['
        with self._file.snapshot() as db:
            ids = Rows(db, subject).ids
        separator = ""
        for conversation_id in ids:
            with self._file.snapshot() as db:
                found = list(Rows(db, Subject("conversation", conversation_id)).conversations())
            for conversation in found:  # none if it was erased meanwhile
                yield separator + json.dumps(conversation, ensure_ascii=False)
                separator = ", "
        with self._file.snapshot() as db:
            rows = Rows(db, subject)
            rest = {"feedback": rows.feedback(), "reviews": rows.reviews()}
            rest |= {table: rows.of_items(table) for table in ITEM_TABLES}
        yield "], " + json.dumps(rest, ensure_ascii=False)[1:] + "\n"

    def erase(self, subject: Subject, who: str, *, compact: bool = True) -> Erased:
        """Erase all there is of a subject, in the database, its backups and the files made of it; the audit log says
        who did.

        ``compact`` False leaves out the last step, writing the databases anew, which takes seconds for a gigabyte:
        what is deleted is overwritten in any case, but SQLite may leave pieces of it between other rows.

        Raises HeldError if one of the clients is held, and LockedError if an app that learned from the texts is being
        trained just now, which would bring them back. Nothing is erased then.
        """
        data = self._file.folder
        with self._mutex, closing(FolderLock(data, "an erasure", COPIES)), ExitStack() as locks:
            remove_halves(data)
            copies = [(backup, look) for backup in backups(data) if (look := _in_backup(backup, subject)).found]
            with self._file.snapshot() as db:
                own = _Look.at(Rows(db, subject))
            looks = [own, *(look for _, look in copies)]
            clients = {subject.named} if subject.named else set()
            for client in sorted(clients.union(*(look.found.clients for look in looks))):
                self.holds.require_free(client)
            for app in sorted(set().union(*(look.apps for look in looks))):
                if (data / "models" / app).is_dir():
                    locks.enter_context(closing(FolderLock(data / "models" / app, "an erasure", TRAINING)))
            texts = set().union(*(look.texts for look in looks))
            files = scrub(data, Texts(texts | {self._redactor.redact(text) for text in texts})) if texts else []
            for backup, _ in copies:
                _erase_in_backup(backup, subject, compact)
            with self._file.transaction() as db:
                Rows(db, subject).remove()
            whole = self._file.compact() if compact else self._file.checkpoint()
            erased = Erased(
                len(own.found.conversations),
                own.found.messages,
                own.found.feedback,
                own.found.reviews,
                own.found.events,
                tuple(files),
                tuple(backup.path.name for backup, _ in copies),
                whole,
            )
            if erased:
                self._audit.write(who, "erase", **{subject.kind: subject.value}, **asdict(erased))
        return erased

    def sweep(self, days: int, who: str) -> Erased:
        """Erase the conversations that nothing was said in for ``days`` days, in the backups too; those of clients
        who are held stay. Raises LockedError as ``erase`` does."""
        before = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
        held = tuple(hold.client_id for hold in self.holds.holds())
        return self.erase(Subject("before", before, held), who)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a database has of a subject, before it is erased."""

    found: Found
    texts: frozenset[str]
    apps: frozenset[str]

    @classmethod
    def at(cls, rows: Rows) -> _Look:
        return cls(rows.found(), frozenset(rows.texts()), frozenset(rows.learned_apps()))


def _in_backup(backup: Backup, subject: Subject) -> _Look:
    with opened(backup) as db:
        return _Look.at(Rows(db, subject))


def _erase_in_backup(backup: Backup, subject: Subject, compact: bool) -> None:
    with opened(backup) as db:
        db.execute("BEGIN IMMEDIATE")
        Rows(db, subject).remove()
        db.execute("COMMIT")
        if compact:
            db.execute("VACUUM")
