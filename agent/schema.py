"""The HTTP API's bodies: what comes in is checked against these, what goes out is described by them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from agent.types import Holder, Prediction, Reply, Route, SentimentLabel

if TYPE_CHECKING:
    from index.knowledge import Hit

MOST_TEXTS = 256
MOST_HITS = 50
MOST_CONVERSATIONS = 200
TOP_INTENTS = 5


class _Body(BaseModel):
    """A misspelt field is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class MessageIn(_Body):
    """A message of a person."""

    text: str = Field(examples=["where is my parcel"])
    app: str | None = Field(None, max_length=100, description="Default: the only app, or the first.")
    conversation_id: str | None = Field(None, max_length=200, description="Leave it out to begin a new one.")
    stream: bool = Field(False, description="Answer with server-sent events, as `Accept: text/event-stream` does.")


class FeedbackIn(_Body):
    """What a person says of a reply."""

    message_id: str = Field(max_length=200, examples=["kTq0vGJ1w8yQmB2x"])
    kind: Literal["up", "down", "intent", "right_passage", "wrong_passage", "sentiment", "csat", "comment"]
    value: str = Field(
        "",
        max_length=200,
        description="The intent, the passage's id, the sentiment, or a mark from 1 to 5 (`csat`: the conversation as a "
        "whole); empty for `up`, `down` and `comment`.",
        examples=[""],
    )
    reason: str = Field("", max_length=200, examples=["wrong answer"])
    comment: str = Field("", description="In the person's own words.")


class PredictIn(_Body):
    """Texts to be understood in bulk; nothing is stored."""

    app: str = Field(max_length=100, examples=["support"])
    texts: list[str] = Field(min_length=1, max_length=MOST_TEXTS, examples=[["where is my parcel", "i want a refund"]])


class SearchIn(_Body):
    """A question to the knowledge of an app."""

    app: str = Field(max_length=100, examples=["support"])
    text: str = Field(examples=["can i return worn shoes?"])
    k: int = Field(5, ge=1, le=MOST_HITS, description="Most passages to return.")


class RouteOut(BaseModel):
    kind: Literal["answer", "action", "form", "recommend", "clarify", "handoff", "refuse"]
    reason: str
    intent: str | None
    score: float | None
    threshold: float | None
    options: list[str]


class CitationOut(BaseModel):
    passage_id: str
    title: str
    source: str
    url: str
    text: str
    sentence: str
    start: int
    end: int
    score: float


class QuickReplyOut(BaseModel):
    title: str
    text: str


class FigureOut(BaseModel):
    """A chart of a reply; the addresses are paths on this server."""

    title: str
    svg: str
    png: str
    table: str = Field(description="Its figures as CSV.")
    note: str = Field(description="What it rests on: period and count.")


class ReplyOut(BaseModel):
    """A reply with its grounds."""

    conversation_id: str
    message_id: str
    text: str = Field(description="Markdown; empty while a person holds the conversation and the bot is silent.")
    route: RouteOut
    citations: list[CitationOut]
    quick_replies: list[QuickReplyOut]
    figures: list[FigureOut]
    why: dict[str, Any]
    model_version: str


class NeighbourOut(BaseModel):
    """A training example, and how near it lies to the message."""

    text: str
    intent: str | None
    cosine: float


class WordOut(BaseModel):
    """A word of the message; in a long one, a few words in a row."""

    text: str
    start: int = Field(description="Of the message's characters, as `end`.")
    end: int
    weight: float = Field(description="How far the first intent's confidence falls without it; may be negative.")


class ScopeOut(BaseModel):
    score: float = Field(description="0 (like the training examples) to 1 (unlike them).")
    threshold: float = Field(description="At or above it the message counts as out of scope.")


class DecisionOut(BaseModel):
    score: float | None
    threshold: float | None


class PassageScoreOut(BaseModel):
    id: str
    title: str
    score: float
    dense: float
    lexical: float


class LearnedOut(BaseModel):
    reviews: int = Field(description="Reviewed texts that were learned beside that version of the model.")
    changed: bool = Field(description="Whether they changed this answer.")


class WhyOut(BaseModel):
    """Why a reply was given: what was kept with it, and two things that are computed when asked for."""

    message_id: str
    text: str = Field(description="The person's message.")
    model_version: str
    route: RouteOut
    intents: list[RankedOut] = Field(description="The best five, with calibrated confidence.")
    out_of_scope: ScopeOut
    decided_by: DecisionOut = Field(description="The figure that decided, and what it was held against.")
    sentiment: dict[str, float]
    slots: dict[str, str]
    handover: dict[str, Any] | None = Field(description="What a person who takes over is told.")
    passages: list[PassageScoreOut] = Field(description="Best first, whether cited or not.")
    unknown_share: float = Field(description="Share of the text's tokens that the model does not know.")
    generator: dict[str, Any] | None = Field(description="How the generated text fared, if there is any.")
    learned: LearnedOut
    nearest: list[NeighbourOut] | None = Field(description="Nearest training examples, nearest first.")
    words: list[WordOut] | None = Field(description="The weightiest first.")
    note: str = Field(description="Why `nearest` and `words` are null, or what they do not take into account.")


class ConversationOut(BaseModel):
    """A conversation of the client that asks."""

    id: str
    app: str
    title: str = Field(description="How its first message begins.")
    turns: int
    begun_at: str = Field(description="ISO 8601 in UTC.")
    updated_at: str


class ConversationsOut(BaseModel):
    conversations: list[ConversationOut] = Field(description="The last used first.")


class StoredMessageOut(BaseModel):
    """A message of either side; what only a reply of the bot's has is null with what people wrote."""

    number: int = Field(description="From 1 on, in the order of the conversation.")
    role: Literal["user", "bot"]
    author: str = Field(description="The operator who wrote this in the service's name; else empty.")
    text: str
    message_id: str
    citations: list[CitationOut]
    quick_replies: list[QuickReplyOut]
    figures: list[FigureOut]
    created_at: str
    route: RouteOut | None
    why: dict[str, Any] | None
    model_version: str | None
    judged: Literal["up", "down"] | None


class StoredMessagesOut(BaseModel):
    messages: list[StoredMessageOut]
    holder: Holder = Field(
        description="Who answers next: the bot, the bot while the conversation waits for a person, or a person."
    )
    operator: str | None = Field(description="That person's name.")


class FeedbackOut(BaseModel):
    recorded: bool = Field(description="False if the same was said before.")


class RankedOut(BaseModel):
    name: str
    confidence: float


class SentimentOut(BaseModel):
    label: SentimentLabel
    scores: dict[str, float]
    value: float


class PredictionOut(BaseModel):
    """What the model says of one text."""

    text: str
    intents: list[RankedOut] = Field(description=f"The best {TOP_INTENTS}, best first.")
    out_of_scope: float
    out_of_scope_threshold: float
    sentiment: SentimentOut | None
    unknown_share: float
    truncated: bool
    model_version: str


class PredictOut(BaseModel):
    predictions: list[PredictionOut]


class HitOut(BaseModel):
    """A passage that may answer, with the sentence that does best."""

    passage_id: str
    document_id: str
    title: str
    source: str
    heading_path: list[str]
    page: int | None
    url: str
    text: str
    sentence: str
    start: int
    end: int
    score: float
    dense: float
    lexical: float


class SearchOut(BaseModel):
    hits: list[HitOut]


class ProblemDetail(BaseModel):
    code: str
    message: str
    remedy: str


class ProblemOut(BaseModel):
    """Every error has this form."""

    error: ProblemDetail


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How a route describes the errors that it may answer with."""
    return {status: {"model": ProblemOut} for status in statuses}


REPLY_EXAMPLE: dict[str, Any] = {
    "conversation_id": "q3Zr0c9dS1mUoXbT7pLw2KfE",
    "message_id": "kTq0vGJ1w8yQmB2x",
    "text": "You can send worn shoes back within 30 days. [1]",
    "route": {
        "kind": "answer",
        "reason": "'return_policy' is clear (0.93, at least 0.60) and a passage answers (0.81, at least 0.45).",
        "intent": "return_policy",
        "score": 0.93,
        "threshold": 0.6,
        "options": [],
    },
    "citations": [
        {
            "passage_id": "returns#2",
            "title": "Returns",
            "source": "returns.md",
            "url": "/knowledge/support/returns%232",
            "text": "You can send worn shoes back within 30 days.",
            "sentence": "You can send worn shoes back within 30 days.",
            "start": 0,
            "end": 44,
            "score": 0.81,
        }
    ],
    "quick_replies": [{"title": "Start a return", "text": "i want to start a return"}],
    "figures": [],
    "why": {"intents": [["return_policy", 0.93], ["exchange", 0.03]], "sentiment": "neutral"},
    "model_version": "support-1",
}


WHY_EXAMPLE: dict[str, Any] = {
    "message_id": "kTq0vGJ1w8yQmB2x",
    "text": "can i return worn shoes?",
    "model_version": "2",
    "route": REPLY_EXAMPLE["route"],
    "intents": [{"name": "return_policy", "confidence": 0.93}, {"name": "exchange", "confidence": 0.03}],
    "out_of_scope": {"score": 0.08, "threshold": 0.5},
    "decided_by": {"score": 0.93, "threshold": 0.6},
    "sentiment": {"negative": 0.11, "neutral": 0.84, "positive": 0.05},
    "slots": {},
    "handover": None,
    "passages": [{"id": "returns#2", "title": "Returns", "score": 0.81, "dense": 0.84, "lexical": 0.71}],
    "unknown_share": 0.0,
    "generator": None,
    "learned": {"reviews": 3, "changed": False},
    "nearest": [{"text": "may i send back shoes i wore", "intent": "return_policy", "cosine": 0.91}],
    "words": [
        {"text": "return", "start": 6, "end": 12, "weight": 0.52},
        {"text": "worn", "start": 13, "end": 17, "weight": 0.17},
        {"text": "shoes?", "start": 18, "end": 24, "weight": 0.09},
        {"text": "i", "start": 4, "end": 5, "weight": 0.01},
        {"text": "can", "start": 0, "end": 3, "weight": -0.02},
    ],
    "note": "",
}


def passage_url(app: str, passage_id: str, span: tuple[int, int] | None = None) -> str:
    """Where a passage is shown in full; ``span`` marks characters of its text."""
    marked = f"?s={span[0]}-{span[1]}" if span else ""
    return f"/knowledge/{quote(app, safe='')}/{quote(passage_id)}{marked}"


def reply_json(reply: Reply) -> dict[str, Any]:
    """A reply in the form of ReplyOut."""
    return {
        "conversation_id": reply.conversation_id,
        "message_id": reply.message_id,
        "text": reply.text,
        "route": _route_json(reply.route),
        "citations": [asdict(citation) | {"score": float(citation.score)} for citation in reply.citations],
        "quick_replies": [asdict(button) for button in reply.quick_replies],
        "figures": [asdict(figure) for figure in reply.figures],
        "why": dict(reply.why),
        "model_version": reply.model_version,
    }


def event(name: str, data: Mapping[str, Any]) -> str:
    """A server-sent event; ASCII, so that a lone surrogate cannot break it."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _route_json(route: Route) -> dict[str, Any]:
    figures = {name: None if value is None else float(value) for name, value in _figures(route).items()}
    return {"kind": route.kind, "reason": route.reason, "intent": route.intent, **figures, "options": [*route.options]}


def _figures(route: Route) -> Mapping[str, float | None]:
    return {"score": route.score, "threshold": route.threshold}


def prediction_json(prediction: Prediction) -> dict[str, Any]:
    """A prediction in the form of PredictionOut; vectors stay inside."""
    feeling = prediction.sentiment
    return {
        "text": prediction.text,
        "intents": [
            {"name": ranked.name, "confidence": float(ranked.confidence)} for ranked in prediction.intents[:TOP_INTENTS]
        ],
        "out_of_scope": float(prediction.out_of_scope),
        "out_of_scope_threshold": float(prediction.out_of_scope_threshold),
        "sentiment": None
        if feeling is None
        else {
            "label": feeling.label,
            "scores": {label: float(score) for label, score in feeling.scores.items()},
            "value": float(feeling.value),
        },
        "unknown_share": float(prediction.unknown_share),
        "truncated": bool(prediction.truncated),
        "model_version": prediction.model_version,
    }


def hit_json(app: str, hit: Hit) -> dict[str, Any]:
    """A hit in the form of HitOut."""
    passage = hit.passage
    return {
        "passage_id": passage.id,
        "document_id": passage.document_id,
        "title": passage.title,
        "source": passage.source,
        "heading_path": [*passage.heading_path],
        "page": passage.page,
        "url": passage_url(app, passage.id, (hit.start, hit.end)),
        "text": passage.text,
        "sentence": hit.sentence,
        "start": hit.start,
        "end": hit.end,
        "score": float(hit.score),
        "dense": float(hit.dense),
        "lexical": float(hit.lexical),
    }
