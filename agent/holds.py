"""Legal holds: clients whose conversations must not be erased, neither on request nor by age."""

from __future__ import annotations

from dataclasses import dataclass

from agent.audit import AuditLog
from agent.database import DataFile, insert, now
from agent.errors import BadInputError, HeldError


@dataclass(frozen=True, slots=True)
class Hold:
    client_id: str
    who: str
    why: str
    since: str
    """UTC, ISO 8601."""


class HoldBook:
    """The holds of a data folder. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def holds(self) -> list[Hold]:
        """The oldest first."""
        return [Hold(**row) for row in self._file.read("SELECT * FROM legal_holds ORDER BY since, client_id", [])]

    def add(self, client_id: str, who: str, why: str) -> None:
        """Raises BadInputError if the client is held already."""
        with self._file.transaction() as db:
            if client_id in {hold.client_id for hold in self.holds()}:
                raise BadInputError("held_already", f"Client {client_id} is held already. See: switchboard hold list")
            insert(db, "legal_holds", {"client_id": client_id, "who": who, "why": why, "since": now()})
        AuditLog(self._file).write(who, "hold", client=client_id, why=why)

    def remove(self, client_id: str, who: str) -> None:
        """Raises BadInputError if the client is not held."""
        with self._file.transaction() as db:
            if not db.execute("DELETE FROM legal_holds WHERE client_id = ? RETURNING 1", [client_id]).fetchall():
                raise BadInputError("not_held", f"Client {client_id} is not held. See: switchboard hold list")
        AuditLog(self._file).write(who, "release", client=client_id)

    def require_free(self, client_id: str) -> None:
        """Raises HeldError if the client is held."""
        for hold in self.holds():
            if hold.client_id == client_id:
                raise HeldError(client_id, hold.who, hold.why, hold.since)
