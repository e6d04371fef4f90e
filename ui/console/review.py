"""The tab Review: the messages that would teach the most, what people ask in vain, labels that look wrong, disputes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from agent.desk import Listed, Opened, Section
from agent.errors import UnknownAppError
from agent.learning.decisions import Decision
from agent.learning.groups import MOST
from agent.learning.queue import Item
from agent.reviewing import Wish
from agent.service import DeskService
from agent.text import clean
from agent.types import Review, SentimentLabel, StoredReview, Verdict
from index.documents import Passage
from ui.console.message import shown_message
from ui.console.review_words import REVIEW
from ui.console.session import Operator
from ui.console.shell import Tab

if TYPE_CHECKING:
    from agent.config import Settings
    from index.knowledge import Hit

# Characters of a passage in a list.
_EXCERPT = 280
_FOUND = 8
"""Passages that a search brings."""


class ReviewAgent(Protocol):
    """What the tab asks of an Agent. All methods block."""

    @property
    def settings(self) -> Settings: ...

    @property
    def desk(self) -> DeskService: ...

    @property
    def domains(self) -> Mapping[str, Any]: ...

    def search(self, app: str, text: str, k: int) -> list[Hit]: ...


class Decided(BaseModel):
    """Of the messages that ``message_ids`` (of replies) answered, or else of ``text``."""

    app: str
    verdict: Verdict
    message_ids: list[str] = Field(default=[], max_length=MOST)
    text: str = ""
    intent: str | None = None
    sentiment: SentimentLabel | None = None
    document: str | None = None
    wrong_document: str | None = None


class Undone(BaseModel):
    app: str
    reviews: list[int] = Field(min_length=1, max_length=MOST)


class NewIntent(BaseModel):
    app: str
    name: str
    title: str = Field(max_length=200)
    reply: str = Field(max_length=2000)


def routes(agent: ReviewAgent) -> APIRouter:
    """The tab's JSON over ``agent``."""
    router = APIRouter()

    @router.get("/review")
    def lists(app: str, section: Section | Literal["disputed"], since: AwareDatetime, user: Operator) -> dict[str, Any]:
        """A section's list as it stands, and what was done since the day began for whoever asks."""
        disputed = [_disputed(decision) for decision in agent.desk.disputed(app)]
        entries, working = (disputed, False) if section == "disputed" else _listed(agent.desk, app, section)
        by_reviewer, recent = agent.desk.progress(app, since.astimezone(UTC).isoformat(timespec="microseconds"))
        return {
            "entries": entries,
            "working": working,
            "disputed": len(disputed),
            "progress": [{"reviewer": name, "count": count} for name, count in by_reviewer.items()],
            "recent": [_review(review) for review in recent],
        }

    @router.get("/review/messages/{message_id}")
    def message(app: str, message_id: str, user: Operator) -> dict[str, Any]:
        return _opened(agent.desk.open(app, message_id), message_id)

    @router.get("/review/intents")
    def intents(app: str, user: Operator) -> list[dict[str, str]]:
        """Those that the app declares, by their titles."""
        if app not in agent.domains:
            raise UnknownAppError(app, list(agent.domains))
        return [{"name": name, "title": intent.title} for name, intent in agent.domains[app].intents.items()]

    @router.get("/review/passages")
    def passages(app: str, query: Annotated[str, Query(max_length=500)], user: Operator) -> list[dict[str, Any]]:
        """The passages that answer ``query`` best, best first."""
        return [_passage(hit.passage, hit.score) for hit in agent.search(app, query, _FOUND)]

    @router.post("/review")
    def decide(body: Decided, user: Operator) -> list[int]:
        """The ids of the reviews that were kept."""
        given = body.model_dump(exclude={"message_ids"})
        if not body.message_ids:
            given["text"] = clean(body.text, agent.settings.max_message_chars)
        return agent.desk.decide(Review(reviewer=user.name, **given), body.message_ids)

    @router.post("/review/undo", status_code=204)
    def undo(body: Undone, user: Operator) -> None:
        """An admin may also take back what others decided."""
        agent.desk.undo(body.app, body.reviews, user.name, others=user.role == "admin")

    @router.post("/review/intents", status_code=204)
    def add_intent(body: NewIntent, user: Operator) -> None:
        agent.desk.add_intent(body.app, body.name, body.title, body.reply, user.name)

    return router


def _listed(desk: DeskService, app: str, section: Section) -> tuple[list[dict[str, Any]], bool]:
    found, working = desk.listed(app, section)
    return [_entry(entry) for entry in found], working


def _entry(entry: Listed) -> dict[str, Any]:
    """An entry of a list; ``key`` tells it from the others of its ``kind``, which is its section."""
    match entry:
        case Item():
            told = asdict(entry.candidate)
            told["intents"] = [{"name": name, "confidence": confidence} for name, confidence in entry.candidate.intents]
            told["feedback"] = [kind for kind, _ in entry.candidate.feedback]
            key = entry.candidate.message_id
            same = {"reasons": entry.reasons, "count": entry.count, **told}
            return {"kind": "queue", "key": key, "message_ids": [key], **same}
        case Wish():
            ids = [message.message_id for message in entry.messages]
            return {"kind": "wishes", "key": ids[0], "message_ids": ids, "count": len(ids), "typical": entry.typical}
        case (text, suggestion):
            return {
                "kind": "labels",
                "key": text,
                "text": text,
                "label": suggestion.label,
                "better": suggestion.better,
                "times": suggestion.times,
            }


def _disputed(decision: Decision) -> dict[str, Any]:
    said = next((review.message_id for review in decision.reviews if review.message_id), None)
    return {
        "kind": "disputed",
        "key": decision.text,
        "text": decision.text,
        "message_ids": [said] if said else [],
        "disputed": decision.disputed,
        "reviews": _reviews(decision.reviews),
    }


def _opened(opened: Opened, message_id: str) -> dict[str, Any]:
    reply = next(row for row in opened.messages if row["message_id"] == message_id)
    cited = {citation["passage_id"] for citation in reply["citations"]}
    return {
        "messages": [_placed(row, message_id) for row in opened.messages],
        "citations": [{"title": c["title"], "sentence": c["sentence"], "url": c["url"]} for c in reply["citations"]],
        "route": reply["route"],
        "why": reply["why"],
        "model_version": reply["model_version"],
        "feedback": opened.feedback,
        "offered": [_passage(passage, score) | {"cited": passage.id in cited} for passage, score in opened.offered],
        "reviews": _reviews(opened.reviews),
    }


def _placed(row: Mapping[str, Any], message_id: str) -> dict[str, Any]:
    """A message, and whether it is the reply that is reviewed."""
    return shown_message(row) | {"reviewed": row["message_id"] == message_id}


def _passage(passage: Passage, score: float) -> dict[str, Any]:
    return {
        "id": passage.id,
        "document": passage.document_id,
        "title": passage.title,
        "text": passage.text[:_EXCERPT],
        "score": score,
    }


def _reviews(reviews: Sequence[StoredReview]) -> list[dict[str, Any]]:
    return [_review(review) for review in reviews]


def _review(review: StoredReview) -> dict[str, Any]:
    told = ("id", "text", "verdict", "reviewer", "intent", "sentiment", "document", "wrong_document", "created_at")
    return {name: getattr(review, name) for name in told}


TAB = Tab("review", REVIEW, routes, scripts=("review_case",))
