"""Reviews in the data file: what persons decided that messages mean. Knows nothing of training or of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from agent.audit import record
from agent.database import DataFile, insert, now
from agent.errors import BadInputError
from agent.learning.decisions import Decision, decide
from agent.types import Review, StoredReview

_COLUMNS = (
    "id, app, text, verdict, reviewer, message_id, conversation_id, client_id, intent, sentiment, document, "
    "wrong_document, created_at"
)


class ReviewBook:
    """The reviews of a data file. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def add(self, review: Review) -> int:
        """Keep a review and give its id. Of one with ``message_id``, conversation and client are the message's own.

        Raises BadInputError if the review decides nothing or contradicts itself, or if the app has no such message.
        """
        _check(review)
        with self._file.transaction() as db:
            if review.message_id is not None:
                review = self._of_message(review, review.message_id)
            insert(db, "reviews", asdict(review) | {"created_at": now()})
            review_id: int = db.execute("SELECT last_insert_rowid() AS id").fetchone()["id"]
            decided = {name: getattr(review, name) for name in ("intent", "sentiment", "document", "wrong_document")}
            record(
                db,
                review.reviewer,
                "review",
                review.app,
                review=review_id,
                message=review.message_id,
                verdict=review.verdict,
                **{name: value for name, value in decided.items() if value is not None},
            )
        return review_id

    def _of_message(self, review: Review, message_id: str) -> Review:
        rows = self._file.read(
            "SELECT c.id, c.client_id FROM messages m JOIN conversations c ON c.id = m.conversation_id "
            "WHERE m.id = ? AND m.role = 'bot' AND c.app = ?",
            [message_id, review.app],
        )
        if not rows:
            raise BadInputError(
                "unknown_message",
                f"App '{review.app}' has no reply '{message_id[:40]}'; its conversation may have been deleted.",
            )
        return replace(review, conversation_id=rows[0]["id"], client_id=rows[0]["client_id"])

    def undo(self, review_id: int, who: str) -> None:
        """Take a review back; the row stays. Raises BadInputError if there is none that still counts."""
        with self._file.transaction() as db:
            undone = db.execute(
                "UPDATE reviews SET undone_at = ? WHERE id = ? AND undone_at IS NULL RETURNING app, message_id",
                [now(), review_id],
            ).fetchone()
            if undone is None:
                raise BadInputError("unknown_review", f"There is no review {review_id} that could be undone.")
            record(db, who, "undo", undone["app"], review=review_id, message=undone["message_id"])

    def reviews(self, app: str, since: str | None = None) -> list[StoredReview]:
        """Those that were not undone, oldest first; ``since`` (UTC, ISO 8601) leaves older ones out."""
        rows = self._file.read(
            f"SELECT {_COLUMNS} FROM reviews WHERE app = :app AND undone_at IS NULL "  # noqa: S608
            "AND (:since IS NULL OR created_at >= :since) ORDER BY id",
            {"app": app, "since": since},
        )
        return [StoredReview(**row) for row in rows]

    def stamp(self, app: str) -> str:
        """Another text after every change of the app's reviews: one added, undone or erased."""
        [row] = self._file.read(
            "SELECT count(*) AS all_of_them, count(undone_at) AS undone, coalesce(max(id), 0) AS last "
            "FROM reviews WHERE app = ?",
            [app],
        )
        return f"{row['last']}-{row['all_of_them']}-{row['undone']}"

    def claims(self, app: str) -> list[StoredReview]:
        """Intents that clients themselves named for their messages, as reviews without a reviewer, oldest first.

        Of one client and message the last word alone. They teach nothing unless ``accept_corrections`` is set. Their
        ids are those of the feedback.
        """
        rows = self._file.read(
            "SELECT max(f.id) AS id, f.value AS intent, f.created_at, f.client_id, f.message_id, "
            "c.id AS conversation_id, u.text FROM feedback f "
            "JOIN messages b ON b.id = f.message_id JOIN conversations c ON c.id = b.conversation_id "
            "JOIN messages u ON u.conversation_id = c.id AND u.turn = b.id AND u.role = 'user' "
            "WHERE c.app = ? AND f.kind = 'intent' GROUP BY f.message_id, f.client_id ORDER BY 1",
            [app],
        )
        return [StoredReview(app=app, verdict="corrected", reviewer="", **row) for row in rows]

    def disagreements(self, app: str) -> list[Decision]:
        """The texts on which two reviewers decided differently, with both their reviews."""
        return [decision for decision in decide(self.reviews(app)) if decision.disputed]

    def progress(self, app: str, since: str) -> Mapping[str, int]:
        """Number of reviews since then (UTC, ISO 8601) that were not undone, by reviewer, the busiest first."""
        rows: list[dict[str, Any]] = self._file.read(
            "SELECT reviewer, count(*) AS n FROM reviews WHERE app = ? AND undone_at IS NULL AND created_at >= ? "
            "GROUP BY reviewer ORDER BY n DESC, reviewer",
            [app, since],
        )
        return {row["reviewer"]: row["n"] for row in rows}


def _check(review: Review) -> None:
    decided = [review.intent, review.sentiment, review.document, review.wrong_document]
    mistake = ""
    if not review.text.strip():
        mistake = "It has no text."
    elif not review.reviewer.strip():
        mistake = "It names no reviewer."
    elif review.verdict in ("confirmed", "corrected") and not any(decided):
        mistake = "It decides nothing: give an intent, a sentiment or a document, or skip the message."
    elif review.verdict == "skipped" and any(decided):
        mistake = "It is skipped and yet decides something."
    elif review.verdict == "out_of_scope" and (review.intent or review.document):
        mistake = "A message that is out of scope has neither an intent nor a document."
    elif review.document is not None and review.document == review.wrong_document:
        mistake = f"The document '{review.document}' cannot be both right and wrong."
    if mistake:
        raise BadInputError("bad_review", f"This is no review. {mistake}")
