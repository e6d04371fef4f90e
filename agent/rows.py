"""What stands in a row of the database, and back: plain data as columns and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agent.types import Prediction, Reply, Route


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation as it is stored."""

    id: str
    app: str
    client_id: str
    claimed: bool
    """Whether its client has proved its identity; until then the id alone is the secret."""
    state: dict[str, Any]
    turns: int
    begun_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of a person, and what was decided on it."""

    message_id: str
    """The reply's."""
    app: str
    text: str
    """The person's."""
    model_version: str
    intent: str | None
    """The first that the model named."""
    route: dict[str, Any]
    """kind, reason, intent, score, threshold, options."""
    why: dict[str, Any]
    """As in Reply."""


def to_json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """Raises ValueError for NaN and infinity, which are no JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def list_json(items: Sequence[Any]) -> str:
    """A list of dataclasses as a JSON array of objects."""
    return to_json([asdict(item) for item in items])


def extras_json(reply: Reply) -> str:
    """What a reply shows besides text, citations and quick replies; kinds that it has none of are left out."""
    kinds = {"figures": reply.figures}
    return to_json({kind: [asdict(item) for item in items] for kind, items in kinds.items() if items})


def conversation_row(row: Mapping[str, Any]) -> ConversationRow:
    """A row of the table ``conversations``."""
    return ConversationRow(**{**row, "claimed": bool(row["claimed"]), "state": json.loads(row["state"])})


def message_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A joined row of ``messages``: its JSON columns parsed, its extras by name. What a person wrote has no route."""
    row = dict(row)
    extras = {"figures": []} | json.loads(row.pop("extras"))
    parsed = ["citations", "quick_replies"]
    if row["model_version"] is not None:
        parsed += ["route", "why"]
    return {**row, **extras, "route": None, **{name: json.loads(row[name]) for name in parsed}}


def prediction_columns(prediction: Prediction) -> dict[str, Any]:
    """What the table ``predictions`` keeps; no vectors, which the version can make again."""
    feeling = prediction.sentiment
    return {
        "model_version": prediction.model_version,
        "intent": prediction.intent,
        "confidence": float(prediction.confidence),
        "intents": to_json([[ranked.name, float(ranked.confidence)] for ranked in prediction.intents]),
        "out_of_scope": float(prediction.out_of_scope),
        "out_of_scope_threshold": float(prediction.out_of_scope_threshold),
        "sentiment": feeling.label if feeling else None,
        "sentiment_scores": to_json({k: float(v) for k, v in feeling.scores.items()} if feeling else {}),
        "unknown_share": float(prediction.unknown_share),
        "truncated": int(prediction.truncated),
    }


def figure_columns(prediction: Prediction, route: Route) -> dict[str, Any]:
    """What the table ``turn_figures`` keeps of what was read and decided."""
    return {
        "model_version": prediction.model_version,
        "kind": route.kind,
        "confidence": float(prediction.confidence),
        "unknown_share": float(prediction.unknown_share),
        "distance": prediction.distance,
    }


def route_columns(route: Route) -> dict[str, Any]:
    """What the table ``routes`` keeps."""
    return {
        "kind": route.kind,
        "reason": route.reason,
        "intent": route.intent,
        "score": None if route.score is None else float(route.score),
        "threshold": None if route.threshold is None else float(route.threshold),
        "options": to_json(route.options),
    }
