"""What the reviews of a text come to: who decided what last, and where people disagree.

Knows nothing of the database or of models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.text import text_key
from agent.types import Review, SentimentLabel, StoredReview

OUTSIDE = "out of scope"
"""Stands where an intent would, for a text that the app has none for."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is known of one text by its reviews. What is None was not decided, or people disagree on it."""

    text: str
    intent: str | None
    out_of_scope: bool
    sentiment: SentimentLabel | None
    document: str | None
    wrong_documents: tuple[str, ...]
    reviews: tuple[StoredReview, ...]
    """Those that count, oldest first."""
    disputed: tuple[str, ...]
    """What two people decided differently: intent, sentiment, document."""

    @property
    def reviewed(self) -> bool:
        """Whether a reviewer looked at it; False for what clients alone said."""
        return bool(self.reviews[0].reviewer)

    @property
    def label(self) -> str | None:
        """Its class among the examples: the intent, OUTSIDE, or else its sentiment or document."""
        return OUTSIDE if self.out_of_scope else self.intent or self.sentiment or self.document


@dataclass(slots=True)
class _Opinion:
    """What one person says of one text; a later review replaces what it decides anew, and nothing else."""

    intent: str | None = None
    sentiment: SentimentLabel | None = None
    document: str | None = None
    wrong_document: str | None = None

    def take(self, review: Review) -> None:
        self.intent = OUTSIDE if review.verdict == "out_of_scope" else review.intent or self.intent
        self.sentiment = review.sentiment or self.sentiment
        self.document = review.document or self.document
        self.wrong_document = review.wrong_document or self.wrong_document


def decide(reviews: Iterable[StoredReview]) -> list[Decision]:
    """One decision for each text that is decided or disputed, in the order in which the texts were first reviewed.

    Of one person the last word counts. A client's own word (a review without reviewer) counts only where no
    reviewer has decided, and then each client is a person of its own.
    """
    by_text: dict[str, list[StoredReview]] = {}
    for review in sorted(reviews, key=lambda r: (r.created_at, r.id)):
        if review.verdict != "skipped":
            by_text.setdefault(text_key(review.text), []).append(review)
    return [_decision([r for r in group if r.reviewer] or group) for group in by_text.values()]


def _decision(reviews: Sequence[StoredReview]) -> Decision:
    opinions: dict[str, _Opinion] = {}
    for review in reviews:
        opinions.setdefault(review.reviewer or review.client_id, _Opinion()).take(review)
    intents = {o.intent for o in opinions.values() if o.intent}
    sentiments = {o.sentiment for o in opinions.values() if o.sentiment}
    documents = {o.document for o in opinions.values() if o.document}
    wrong = {o.wrong_document for o in opinions.values() if o.wrong_document}
    disputed = {
        "intent": len(intents) > 1,
        "sentiment": len(sentiments) > 1,
        "document": len(documents) > 1 or bool(documents & wrong),
    }
    intent = None if disputed["intent"] else next(iter(intents), None)
    return Decision(
        text=reviews[0].text,
        intent=None if intent == OUTSIDE else intent,
        out_of_scope=intent == OUTSIDE,
        sentiment=None if disputed["sentiment"] else next(iter(sentiments), None),
        document=None if disputed["document"] else next(iter(documents), None),
        wrong_documents=() if disputed["document"] else tuple(sorted(wrong)),
        reviews=tuple(reviews),
        disputed=tuple(name for name, is_so in disputed.items() if is_so),
    )
