"""Training jobs: what was asked, all that is needed to repeat it, and what came of it."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from agent.database import DataFile, insert, now

State = Literal["running", "done", "failed", "stopped"]
DIED = "Its process ended without a word: it was killed, or the machine stopped."


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    app: str
    kind: str
    who: str
    state: State
    process: int
    began_at: str
    """UTC, ISO 8601; so is ``ended_at``, which is None while it runs."""
    ended_at: str | None
    recipe: dict[str, Any]
    """Settings, seed, data hash, base version, library versions: with the same on the same machine the same weights
    come out."""
    base: str | None
    """The champion at its start."""
    version: str | None
    """The version that it made."""
    verdict: dict[str, Any] | None
    """The gate's, as ``Verdict.to_dict`` gives it."""
    reason: str


class JobBook:
    """The jobs in a data file. Safe to call from many threads; raises what ``DataFile`` raises.

    Only whoever holds an app's training lock begins a job of it, so that one runs at a time.
    """

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def begin(self, app: str, kind: str, who: str, recipe: dict[str, Any], base: str | None) -> str:
        """Note that this process begins a job; its id. To be called under the app's training lock: whatever else of
        the app is said to run was left by a process that is gone."""
        job = secrets.token_urlsafe(9)
        with self._file.transaction() as db:
            db.execute(
                "UPDATE jobs SET state = 'failed', ended_at = ?, reason = ? WHERE app = ? AND state = 'running'",
                [now(), DIED, app],
            )
            row = {
                "id": job,
                "app": app,
                "kind": kind,
                "who": who,
                "state": "running",
                "process": os.getpid(),
                "began_at": now(),
                "recipe": json.dumps(recipe),
                "base": base,
            }
            insert(db, "jobs", row)
        return job

    def end(
        self,
        job: str,
        state: Literal["done", "failed", "stopped"],
        reason: str,
        *,
        version: str | None = None,
        verdict: dict[str, Any] | None = None,
    ) -> None:
        """Note how a job ended."""
        with self._file.transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, ended_at = ?, reason = ?, version = ?, verdict = ? WHERE id = ?",
                [state, now(), reason, version, None if verdict is None else json.dumps(verdict), job],
            )

    def jobs(self, app: str, most: int = 50) -> list[Job]:
        """An app's jobs, the newest first. Those whose process is gone are marked as failed."""
        running = self._file.read("SELECT id, process FROM jobs WHERE app = ? AND state = 'running'", [app])
        for row in running:
            if not _lives(row["process"]):
                self.end(row["id"], "failed", DIED)
        rows = self._file.read(
            "SELECT * FROM jobs WHERE app = ? ORDER BY began_at DESC, rowid DESC LIMIT ?", [app, most]
        )
        return [_job(row) for row in rows]

    def last(self, app: str, kind: str) -> Job | None:
        """The newest job of that kind that came to its end; None if there is none."""
        rows = self._file.read(
            "SELECT * FROM jobs WHERE app = ? AND kind = ? AND state = 'done' "
            "ORDER BY began_at DESC, rowid DESC LIMIT 1",
            [app, kind],
        )
        return _job(rows[0]) if rows else None


def _job(row: dict[str, Any]) -> Job:
    verdict = None if row["verdict"] is None else json.loads(row["verdict"])
    return Job(**row | {"recipe": json.loads(row["recipe"]), "verdict": verdict})


def _lives(process: int) -> bool:
    """Whether a process of that number runs. One that took over the number of a dead one passes; the next job of
    the app puts that right."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another account's
        return True
    return True
