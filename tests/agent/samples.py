"""Small values that the tests of this folder share."""

from __future__ import annotations

import numpy as np

from agent.types import Citation, Figure, Prediction, QuickReply, Ranked, Reply, Route, Sentiment

VERSION = "support-3"


def prediction(text: str = "where is my parcel") -> Prediction:
    return Prediction(
        text=text,
        intents=(Ranked("order_status", 0.91), Ranked("returns", 0.06)),
        out_of_scope=float(np.float32(0.125)),
        out_of_scope_threshold=0.5,
        sentiment=Sentiment("neutral", {"negative": 0.2, "neutral": 0.7, "positive": 0.1}),
        query_vector=np.zeros(4, dtype=np.float32),
        model_version=VERSION,
    )


def route() -> Route:
    return Route("answer", "shipping is near enough (0.91, at least 0.50)", "shipping", 0.91, 0.5)


def citation() -> Citation:
    text = "Parcels leave daily. They take three days."
    return Citation(
        passage_id="shipping#2",
        title="Shipping",
        source="shipping.md",
        url="/knowledge/support/shipping%232",
        text=text,
        sentence=text[21:],
        start=21,
        end=len(text),
        score=0.83,
    )


def figure() -> Figure:
    place = "/v1/demo/queries/q-0123456789ab"
    return Figure(
        "Parcels by day", f"{place}/chart.svg", f"{place}/chart.png", f"{place}/table.csv", "48 parcels in May"
    )


def reply(conversation_id: str, message_id: str = "m1", text: str = "They take three days. [1]") -> Reply:
    return Reply(
        conversation_id=conversation_id,
        message_id=message_id,
        text=text,
        route=route(),
        model_version=VERSION,
        citations=(citation(),),
        quick_replies=(QuickReply("Track it", "where is my parcel"),),
        why={"intents": [["order_status", 0.91]], "sentiment": "neutral"},
        figures=(figure(),),
    )
