"""Reviewed data in the formats that other tools read: CSV, chat messages, preference pairs, Rasa NLU."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from agent.database import DataFile
from agent.learning.decisions import OUTSIDE, Decision, decide
from agent.reviews import ReviewBook
from agent.types import StoredReview

FORMATS = ("csv", "jsonl", "preference", "rasa")
COLUMNS = (
    *("text", "verdict", "intent", "sentiment", "document", "wrong_document", "reviewer", "created_at"),
    *("message_id", "conversation_id"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply and the message that it answered."""

    message_id: str
    said: str
    reply: str
    judged: str
    """What its client said of it last: up, down or nothing."""


def exported(file: DataFile, app: str, form: str) -> str:
    """The app's reviewed data as text in one of FORMATS; what was undone or skipped is left out.

    ``jsonl`` and ``rasa`` hold one decision a text, and none that is disputed; ``csv`` holds every review.
    """
    reviews = ReviewBook(file).reviews(app)
    match form:
        case "csv":
            return as_csv(reviews)
        case "jsonl":
            return as_chat(decide(reviews), answered(file, app))
        case "preference":
            return as_preferences(answered(file, app))
        case "rasa":
            return as_rasa(decide(reviews))
    raise ValueError(form)


def answered(file: DataFile, app: str) -> list[Answered]:
    """All replies of the app to a person's message, oldest first."""
    rows = file.read(
        "SELECT b.id AS message_id, u.text AS said, b.text AS reply, coalesce((SELECT f.kind FROM feedback f "
        "WHERE f.message_id = b.id AND f.client_id = c.client_id AND f.kind IN ('up', 'down') "
        "ORDER BY f.id DESC LIMIT 1), '') AS judged "
        "FROM conversations c JOIN messages u ON u.conversation_id = c.id AND u.role = 'user' "
        "JOIN messages b ON b.id = u.turn WHERE c.app = ? ORDER BY b.rowid",
        [app],
    )
    return [Answered(**row) for row in rows]


def as_csv(reviews: Iterable[StoredReview]) -> str:
    """A row a review. A cell that a spreadsheet would take for a formula gets a quote before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for review in reviews:
        if review.verdict != "skipped":
            writer.writerow([_guarded(getattr(review, name) or "") for name in COLUMNS])
    return text.getvalue()


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def as_chat(decisions: Iterable[Decision], replies: Iterable[Answered]) -> str:
    """A line a reviewed text, as chat messages: what was said, and the reply where a reviewer confirmed it.

    The decision stands beside the messages, under ``labels``.
    """
    by_id = {a.message_id: a for a in replies}
    lines = []
    for decision in decisions:
        labels = _labels(decision)
        if not labels or decision.disputed:
            continue
        messages = [{"role": "user", "content": decision.text}]
        last = decision.reviews[-1]
        answer = by_id.get(last.message_id or "")
        if last.verdict == "confirmed" and answer is not None:
            messages.append({"role": "assistant", "content": answer.reply})
        lines.append({"messages": messages, "labels": labels})
    return _jsonl(lines)


def _labels(decision: Decision) -> dict[str, str]:
    known = {
        "intent": OUTSIDE if decision.out_of_scope else decision.intent,
        "sentiment": decision.sentiment,
        "document": decision.document,
    }
    return {name: value for name, value in known.items() if value}


def as_preferences(replies: Sequence[Answered]) -> str:
    """A line for each two different replies to one text, of which people liked one and not the other.

    ``prompt``, ``chosen`` and ``rejected``, each as chat messages.
    """
    by_text: dict[str, dict[str, dict[str, None]]] = {}
    for a in replies:
        if a.judged:
            by_text.setdefault(a.said, {"up": {}, "down": {}})[a.judged][a.reply] = None
    return _jsonl(
        {
            "prompt": [{"role": "user", "content": said}],
            "chosen": [{"role": "assistant", "content": liked}],
            "rejected": [{"role": "assistant", "content": disliked}],
        }
        for said, found in by_text.items()
        for liked in found["up"]
        for disliked in found["down"]
        if liked != disliked
    )


def _jsonl(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_rasa(decisions: Iterable[Decision]) -> str:
    """Rasa's NLU training data (YAML, version 3.1); what is out of scope is the intent ``out_of_scope``."""
    by_intent: dict[str, list[str]] = {}
    for decision in decisions:
        name = "out_of_scope" if decision.out_of_scope else decision.intent
        if name is not None and not decision.disputed:
            by_intent.setdefault(name, []).append(_plain(decision.text))
    nlu = [
        {"intent": name, "examples": "".join(f"- {text}\n" for text in texts)}
        for name, texts in sorted(by_intent.items())
    ]
    return yaml.dump({"version": "3.1", "nlu": nlu}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)


def _plain(text: str) -> str:
    """Rasa reads ``[word](entity)`` and ``[word]{...}`` as marks, so brackets become parentheses."""
    return text.replace("[", "(").replace("]", ")").replace("\n", " ")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as Rasa's files have them."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
