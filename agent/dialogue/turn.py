"""What one turn works with while its reply is put together, and the reply without its ids.

Decides nothing: the router fills in what to do, the policy and its parts fill in what to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.dialogue.reading import Wish
from agent.dialogue.tracker import Tracker
from agent.types import Citation, Figure, Prediction, QuickReply, Route, SentimentLabel
from agent.wordings import PERSON_TITLE, RESUME_TITLE
from index.knowledge import Hit

# Least probability of a mood to answer in its wordings; a wrong tone is worse than a plain one.
_SURE_MOOD = 0.5

PERSON = QuickReply(PERSON_TITLE, PERSON_TITLE)
RESUME = QuickReply(RESUME_TITLE, RESUME_TITLE)
CANCEL = QuickReply("Cancel", "cancel")
YES_NO = (QuickReply("Yes", "yes"), QuickReply("No", "no"), CANCEL)


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply without its ids, and what decided it."""

    text: str
    route: Route
    citations: tuple[Citation, ...]
    quick_replies: tuple[QuickReply, ...]
    figures: tuple[Figure, ...]
    prediction: Prediction
    """Of the first wish, as the store keeps it."""
    hits: Sequence[Hit]
    """What was found for the first wish."""


@dataclass
class Step:
    """One wish of the message: what was read in it, and what to do."""

    wish: Wish
    route: Route
    entities: Mapping[str, str]
    hits: Sequence[Hit]

    @property
    def prediction(self) -> Prediction:
        return self.wish.prediction


@dataclass
class Turn:
    """A message's reply as it grows, wish by wish; parts are joined by blank lines in the end."""

    tracker: Tracker
    mood: SentimentLabel
    steps: list[Step] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    quick_replies: list[QuickReply] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    closing: str = ""
    """The question that a form or action waits with; it comes last, and once, whatever else was answered."""
    closing_replies: tuple[QuickReply, ...] = ()

    @property
    def step(self) -> Step:
        """The wish at hand."""
        return self.steps[-1]

    @property
    def route(self) -> Route:
        return self.step.route

    @route.setter
    def route(self, route: Route) -> None:
        """What was found on the way may change what is done."""
        self.step.route = route

    def ask(self, question: str, replies: Sequence[QuickReply]) -> None:
        """End the reply with this question, in place of any other."""
        self.closing, self.closing_replies = question, tuple(replies)


def mood_of(prediction: Prediction) -> SentimentLabel:
    """The mood to answer in: the sentiment if the model is rather sure of it, else neutral."""
    feeling = prediction.sentiment
    sure = feeling is not None and feeling.scores.get(feeling.label, 0.0) >= _SURE_MOOD
    return feeling.label if feeling is not None and sure else "neutral"
