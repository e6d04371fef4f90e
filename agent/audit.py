"""The audit log: who did what, when and why. It only grows, and holds no text of a customer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.database import DataFile, insert, now

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    at: str
    """UTC, ISO 8601."""
    who: str
    action: str
    app: str
    """Empty where the action is of no app."""
    detail: dict[str, Any]


def record(db: sqlite3.Connection, who: str, action: str, app: str = "", **detail: Any) -> None:
    """As ``AuditLog.write``, within the transaction that does what is told here."""
    insert(db, "audit", {"at": now(), "who": who, "action": action, "app": app, "detail": json.dumps(detail)})


class AuditLog:
    """The log in a data file. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def write(self, who: str, action: str, app: str = "", **detail: Any) -> None:
        """Add an entry; ``detail`` must be JSON, and must not quote what a customer said."""
        with self._file.transaction() as db:
            record(db, who, action, app, **detail)

    def entries(self, app: str | None = None, most: int = 200) -> list[Entry]:
        """The newest first, of one app or of all."""
        rows = self._file.read(
            "SELECT * FROM audit WHERE :app IS NULL OR app = :app ORDER BY id DESC LIMIT :most",
            {"app": app, "most": most},
        )
        return [Entry(**row | {"detail": json.loads(row["detail"])}) for row in rows]
