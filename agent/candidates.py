"""The messages that could be reviewed, read from the data file for ``agent.learning.queue`` and ``groups``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.database import DataFile
from agent.dialogue.router import HELD, NO_WORDS
from agent.learning.groups import group
from agent.learning.queue import Candidate
from agent.model.memory import Memory
from agent.model.neighbours import nearest
from agent.text import text_key
from agent.types import StoredReview

Matrix = NDArray[np.float32]

MOST = 20_000
"""Messages that are looked at, the newest."""
GUESSES = 3
UNTELLING = ("filled", "confirmed", "denied", "cancelled", "chosen by the person after asking back", NO_WORDS, HELD)
"""What a route's reason begins with where the message answers what was asked, or says nothing by itself."""
NEIGHBOURS = 10


def candidates(file: DataFile, app: str, most: int = MOST) -> list[Candidate]:
    """The app's newest messages, the newest first; bare answers to what was asked only where somebody gave feedback."""
    rows = file.read(
        "SELECT p.message_id, u.conversation_id, u.text, u.created_at, p.intents, p.out_of_scope, "
        "p.out_of_scope_threshold, p.sentiment, r.kind AS route, r.reason "
        "FROM conversations c JOIN messages u ON u.conversation_id = c.id AND u.role = 'user' "
        "JOIN predictions p ON p.message_id = u.turn JOIN routes r ON r.message_id = u.turn "
        "WHERE c.app = ? ORDER BY u.rowid DESC LIMIT ?",
        [app, most],
    )
    said = _feedback(file, app)
    found = []
    for row in rows:
        feedback = said.get(row["message_id"], ())
        if feedback or row["reason"].split(":", 1)[0] not in UNTELLING:
            found.append(_candidate(row, feedback))
    return found


def _feedback(file: DataFile, app: str) -> Mapping[str, tuple[tuple[str, str], ...]]:
    rows = file.read(
        "SELECT f.message_id, f.kind, f.value FROM feedback f JOIN messages m ON m.id = f.message_id "
        "JOIN conversations c ON c.id = m.conversation_id WHERE c.app = ? ORDER BY f.id",
        [app],
    )
    said: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in rows:
        said[row["message_id"]] = (*said.get(row["message_id"], ()), (row["kind"], row["value"]))
    return said


def _candidate(row: Mapping[str, Any], feedback: tuple[tuple[str, str], ...]) -> Candidate:
    return Candidate(
        message_id=row["message_id"],
        conversation_id=row["conversation_id"],
        text=row["text"],
        created_at=row["created_at"],
        intents=tuple((name, confidence) for name, confidence in json.loads(row["intents"])[:GUESSES]),
        out_of_scope=row["out_of_scope"],
        out_of_scope_threshold=row["out_of_scope_threshold"],
        route=row["route"],
        sentiment=row["sentiment"],
        feedback=feedback,
    )


def outside(found: Iterable[Candidate], reviews: Iterable[StoredReview]) -> list[Candidate]:
    """The candidates that are out of scope and have no intent by a review: what people ask and nobody planned.

    A text that a review calls out of scope stays; the same text is there once.
    """
    decided = {text_key(r.text): r for r in reviews}
    kept: dict[str, Candidate] = {}
    for candidate in found:
        key = text_key(candidate.text)
        review = decided.get(key)
        strange = candidate.out_of_scope >= candidate.out_of_scope_threshold
        if review.verdict == "out_of_scope" if review else strange:
            kept.setdefault(key, candidate)
    return list(kept.values())


def unlabelled(found: Iterable[Candidate], known: Collection[str], most: int) -> list[str]:
    """The texts within the app's scope that nobody has decided on, each once, the newest first, at most ``most``.

    ``known`` are the texts of all examples, tests included.
    """
    left: dict[str, str] = {}
    taken = {text_key(text) for text in known}
    for candidate in found:
        key = text_key(candidate.text)
        if candidate.out_of_scope < candidate.out_of_scope_threshold and key not in taken:
            left.setdefault(key, candidate.text)
    return list(left.values())[:most]


def compared(found: Sequence[Candidate], memory: Memory, queries: Matrix) -> list[Candidate]:
    """The candidates with what the nearest training examples say, and whether they drift.

    ``queries`` (N, D) are their query vectors by the version whose memory that is.
    """
    if not found:
        return []
    names = [example.intent for example in memory.examples]
    votes: list[str | None] = [None] * len(found)
    if names:
        rows = nearest(queries, memory.queries, NEIGHBOURS).rows
        votes = [Counter(names[place] for place in near).most_common(1)[0][0] for near in rows.tolist()]
    strange = [row for row, c in enumerate(found) if c.out_of_scope >= c.out_of_scope_threshold]
    groups = group([found[row].text for row in strange], queries[strange])
    drifting = {strange[place] for g in groups for place in g.rows}
    return [replace(candidate, neighbours=votes[row], drifts=row in drifting) for row, candidate in enumerate(found)]
