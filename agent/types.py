"""The plain data that the parts of Switchboard hand to each other.

Standard library only, so that an app, a test or a client can import it without torch.
Vectors are NumPy arrays at run time; NumPy is imported for type checking alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RouteKind = Literal["answer", "action", "form", "recommend", "clarify", "handoff", "refuse"]
SentimentLabel = Literal["negative", "neutral", "positive"]
SENTIMENTS: tuple[SentimentLabel, ...] = ("negative", "neutral", "positive")
Holder = Literal["bot", "waiting", "person"]
"""Who answers a conversation: the bot, the bot while the conversation waits for a person, or a person."""
Gone = Callable[[], bool]
"""Whether whoever waits for an answer has left; it does not block."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a person. ``client_id`` names who sent it; ``conversation_id`` is None for a new one."""

    app: str
    text: str
    client_id: str
    conversation_id: str | None = None
    claimed: bool = True
    """True if the client proved its identity (cookie or key) instead of being given one just now."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """An intent with its calibrated probability in [0, 1]."""

    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Probabilities over the sentiments that the head knows; they sum to 1."""

    label: SentimentLabel
    scores: Mapping[str, float]

    @property
    def value(self) -> float:
        """p(positive) - p(negative), in [-1, 1]."""
        return self.scores.get("positive", 0.0) - self.scores.get("negative", 0.0)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one encoder pass says of one text."""

    text: str
    intents: tuple[Ranked, ...]
    """All intents, best first; empty if the model has no intent head."""
    out_of_scope: float
    """0 (like the training data) to 1 (unlike it)."""
    out_of_scope_threshold: float
    """At or above this the message counts as out of scope; fitted on held-out data."""
    sentiment: Sentiment | None
    query_vector: NDArray[np.float32]
    """Shape (D,), unit length, in the space of the frozen backbone."""
    model_version: str
    unknown_share: float = 0.0
    """Share of the text's tokens that the tokenizer does not know, 0 to 1."""
    truncated: bool = False
    taste_vector: NDArray[np.float32] | None = None
    """Shape (D,), unit length; None if the model has no recommendation head."""
    distance: float | None = None
    """One minus the mean cosine to the nearest training examples, in the space of ``query_vector``, 0 to 2; None if the
    model remembers none."""
    lessons: int = 0
    """Reviewed texts that were learned beside this version when it read the text."""
    corrected: bool = False
    """Whether they changed the best intent, the side of the threshold or the sentiment."""

    @property
    def intent(self) -> str | None:
        return self.intents[0].name if self.intents else None

    @property
    def confidence(self) -> float:
        return self.intents[0].confidence if self.intents else 0.0


@dataclass(frozen=True, slots=True)
class Route:
    """What to do with a message, and why in one plain sentence."""

    kind: RouteKind
    reason: str
    intent: str | None = None
    score: float | None = None
    """The figure that decided, and the ``threshold`` that it was held against."""
    threshold: float | None = None
    options: tuple[str, ...] = ()
    """For ``clarify``: the intents to choose from. For a message with several wishes: their intents, in order."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that a reply rests on, with the sentence that answers."""

    passage_id: str
    title: str
    source: str
    """File name, or file name and page."""
    url: str
    """Where the passage can be read in full."""
    text: str
    sentence: str
    start: int
    end: int
    """``text[start:end] == sentence``."""
    score: float


@dataclass(frozen=True, slots=True)
class QuickReply:
    """A button under a reply: ``title`` is shown, ``text`` is sent."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart that a reply shows. The addresses are paths on this server below ``/v1/``."""

    title: str
    svg: str
    """A narrow page asks for it with ``?width=`` and inches."""
    png: str
    table: str
    """Its figures as CSV."""
    note: str = ""
    """What it rests on: period and count."""


@dataclass(frozen=True, slots=True)
class Reply:
    conversation_id: str
    message_id: str
    text: str
    """Markdown."""
    route: Route
    model_version: str
    citations: tuple[Citation, ...] = ()
    quick_replies: tuple[QuickReply, ...] = ()
    why: Mapping[str, Any] = field(default_factory=dict)
    """JSON-ready: ranked intents, scores against thresholds, sentiment, slots, passages."""
    figures: tuple[Figure, ...] = ()


FeedbackKind = Literal[
    "up", "down", "intent", "right_passage", "wrong_passage", "sentiment", "csat", "comment", "takeover"
]
Verdict = Literal["confirmed", "corrected", "out_of_scope", "skipped"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of a reply. Never a label by itself (see Review)."""

    message_id: str
    client_id: str
    kind: FeedbackKind
    value: str = ""
    """The intent, the passage's id, the sentiment, or a mark from 1 to 5 (``csat``); empty for the other kinds."""
    _: KW_ONLY
    reason: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What a person decided that a message means. What is None was not decided."""

    app: str
    text: str
    """What the customer wrote."""
    verdict: Verdict
    reviewer: str
    """Empty: nobody looked at it, and it is the client's own word (see the setting ``accept_corrections``)."""
    message_id: str | None = None
    """The bot's message that answered it; None for a text that was never said here."""
    conversation_id: str = ""
    client_id: str = ""
    """Who wrote the text."""
    intent: str | None = None
    sentiment: SentimentLabel | None = None
    document: str | None = None
    """Id of the knowledge document that answers the text, and ``wrong_document`` of one that does not."""
    wrong_document: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReview(Review):
    """A review as it was kept."""

    id: int
    created_at: str
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training text with what is known of it; what is None is not learned from."""

    text: str
    intent: str | None = None
    sentiment: SentimentLabel | None = None
    document: str | None = None
    """Id of the knowledge document that answers the text."""
    out_of_scope: bool = False


EventKind = Literal["view", "click", "like", "dislike", "buy", "rate"]
EVENT_KINDS: tuple[EventKind, ...] = ("view", "click", "like", "dislike", "buy", "rate")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of an app's catalogue."""

    id: str
    title: str
    text: str
    """What it is, in words; this is what the model reads."""
    attributes: Mapping[str, str | float | tuple[str, ...]] = field(default_factory=dict)
    """What else is known of it, by name; a tuple holds several words, such as its moods. The core itself reads
    ``stock`` (pieces left, a number), ``age`` (years from which on it suits, a number) and ``category``."""
    price: float | None = None
    """In the catalogue's currency, 0 or more; None if it is not known."""
    image: str = ""
    """Path on this server ("/...") or an https address; "" for none."""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something a user did with an item."""

    id: str
    """The caller's: the same id sent again counts once."""
    app: str
    user: str
    """The client's id, as conversations have it, or the name of a user that a program gave."""
    item: str
    kind: EventKind
    """``view``: looked at; ``click``: chosen from a row; ``rate``: judged by a mark, which is ``value``."""
    at: str
    """UTC, ISO 8601, to the microsecond, so that times sort as text."""
    value: float | None = None
    """With ``rate``: the mark, 0 to 5. None with the other kinds."""
    position: int | None = None
    """Place in the row that the item was shown in, from 1 on; None if it was met elsewhere."""
    shown: tuple[str, ...] = ()
    """Ids of that row's items in order, the item's own among them; empty if there was no row."""


@dataclass(frozen=True, slots=True)
class Card:
    """An item as it is offered to somebody."""

    item_id: str
    title: str
    text: str
    image: str = ""
    url: str = ""
    price: float | None = None
    why: tuple[str, ...] = ()
    """Sentences that say what moved it up, the strongest first; empty if nothing of this user's did."""
