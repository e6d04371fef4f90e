"""ReviewDesk: what a reviewer does in the running service: look at what would teach, decide, take back.

The lists take long to work out (``agent.reviewing``), so they are worked out in the background and given as they stand;
what was reviewed since then is left out of them at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from agent.audit import AuditLog
from agent.errors import BadInputError, ConversationError, DomainError
from agent.learning.decisions import Decision
from agent.learning.groups import SMALLEST
from agent.learning.labels import Suggestion
from agent.learning.queue import Item
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine
from agent.model.frozen import FrozenEncoder
from agent.model.memory import Memory
from agent.names import check_review
from agent.new_intent import add_intent
from agent.refresher import Refresher
from agent.reviewing import Wish, group_wishes, review_queue, wrong_labels
from agent.reviews import ReviewBook
from agent.store import Store
from agent.teach import learning_data
from agent.text import text_key
from agent.types import Review, StoredReview
from index.documents import Passage

if TYPE_CHECKING:
    from agent.apps import App
    from agent.config import Settings

Section = Literal["queue", "wishes", "labels"]
Listed = Item | Wish | tuple[str, Suggestion]

WAIT_S = 2.0
"""Seconds that a list is waited for, before the one that stands is given."""
AT_ONCE = 32
"""Texts that the engine reads at a time for a list, so that a customer's message never waits long behind them."""
BEFORE, AFTER = 6, 2
"""Messages of the conversation that are shown before a reply and after it."""
RECENT = 30
"""Of the day's last decisions, how many are listed."""


class DeskClosedError(Exception):
    """The service ends; what was under way is of no use any more."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A reply that is to be reviewed, with what is around it."""

    messages: list[dict[str, Any]]
    """Of its conversation, as ``Store.messages`` gives them: the reply, a few before it and after it."""
    feedback: list[dict[str, str]]
    """What was said of the reply, oldest first: kind, value, reason, comment."""
    offered: list[tuple[Passage, float]]
    """The passages that were found for it, best first, with their scores; those that are gone by now left out."""
    reviews: list[StoredReview]
    """Of the same text, by anybody, oldest first."""


class ReviewDesk:
    """The reviewers' side of all apps. Safe to call from many threads.

    Methods that take an app raise UnknownAppError; all raise what ``DataFile`` raises.
    """

    def __init__(
        self,
        store: Store,
        engine: InferenceEngine,
        backbone: Backbone,
        settings: Settings,
        app: Callable[[str], App],
        reload: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """``app`` gives an app by name, ``reload`` takes up its files; ``changed`` is called after every review that
        is added or undone."""
        self._store = store
        self._book = ReviewBook(store.file)
        self._audit = AuditLog(store.file)
        self._engine = engine
        self._frozen = FrozenEncoder(backbone, settings.data / "exports")
        self._settings = settings
        self._app = app
        self._reload = reload
        self._changed = changed
        self._lists: Refresher[tuple[Section, str], Sequence[Listed]] = Refresher(self._worked_out, 2)
        self._naming = threading.Lock()
        self._closed = threading.Event()

    def close(self) -> None:
        """Give up what is being worked out."""
        self._closed.set()
        self._lists.close()

    # Lists

    def listed(self, app: str, section: Section) -> tuple[list[Listed], bool]:
        """What is to be reviewed, the most telling first, and whether a newer list is under way.

        What was reviewed meanwhile is left out. Raises BusyError, ModelError or DomainError where the list could not be
        worked out.
        """
        found, working = self._lists.get((section, app), self._stamp(section, app), WAIT_S)
        done = {text_key(review.text) for review in self._book.reviews(app)}
        return [entry for entry in found or () if _is_open(entry, done)], working

    def _stamp(self, section: Section, app: str) -> object:
        """Changes with all that the list depends on, but for the labels' reviews, which are left out of it in any case:
        looking through all examples may take a minute."""
        known = self._app(app)
        if section == "labels":
            return known
        [last] = self._store.file.read(
            "SELECT (SELECT max(rowid) FROM messages) AS message, (SELECT max(id) FROM feedback) AS feedback", []
        )
        return known, self._book.stamp(app), self._engine.version(app), last

    def _worked_out(self, key: tuple[Section, str]) -> Sequence[Listed]:
        section, name = key
        app, file = self._app(name), self._store.file

        def read(texts: Sequence[str]) -> NDArray[np.float32]:
            parts = [self._engine.predict(name, part) for part in self._parts(texts)]
            return np.stack([prediction.query_vector for part in parts for prediction in part])

        def encode(texts: Sequence[str]) -> NDArray[np.float32]:
            return np.concatenate([self._frozen.encode(part, prompt="query") for part in self._parts(texts)])

        if section == "wishes":
            return group_wishes(file, name, read)
        known = learning_data(app.domain, app.index, file, self._settings)
        if section == "labels":
            return wrong_labels(known, encode)
        registry = ModelRegistry(self._settings.data, name)
        memory = Memory.load(registry.version_folder(self._engine.version(name)))
        return review_queue(file, name, known, memory, read)

    def _parts(self, texts: Sequence[str]) -> list[Sequence[str]]:
        if self._closed.is_set():
            raise DeskClosedError
        return [texts[start : start + AT_ONCE] for start in range(0, len(texts), AT_ONCE)]

    def disputed(self, app: str) -> list[Decision]:
        """The texts on which reviewers disagree, with their reviews."""
        self._app(app)
        return self._book.disagreements(app)

    def progress(self, app: str, since: str) -> tuple[Mapping[str, int], list[StoredReview]]:
        """Reviews since then (UTC, ISO 8601) by reviewer, the busiest first, and the last ones, newest first."""
        self._app(app)
        return self._book.progress(app, since), self._book.reviews(app, since)[: -RECENT - 1 : -1]

    # One message

    def open(self, app: str, message_id: str) -> Opened:
        """A reply with what is around it. Raises ConversationError if the app has none of that id any more."""
        index = self._app(app).index
        rows = self._store.file.read(
            "SELECT m.conversation_id, m.number, u.text FROM messages m "
            "JOIN conversations c ON c.id = m.conversation_id "
            "JOIN messages u ON u.conversation_id = c.id AND u.turn = m.id AND u.role = 'user' "
            "WHERE m.id = ? AND m.role = 'bot' AND c.app = ?",
            [message_id, app],
        )
        if not rows:
            raise ConversationError(message_id)
        [found] = rows
        first = max(0, found["number"] - BEFORE - 1)
        messages = [
            row
            for row in self._store.messages(found["conversation_id"], first)
            if row["number"] <= found["number"] + AFTER
        ]
        reply = next((row for row in messages if row["message_id"] == message_id), None)
        if reply is None:
            raise ConversationError(message_id)  # it was deleted between the two readings
        passages = {passage.id: passage for passage in index.passages()}
        key = text_key(found["text"])
        return Opened(
            messages=messages,
            feedback=self._store.file.read(
                "SELECT kind, value, reason, comment FROM feedback WHERE message_id = ? ORDER BY id", [message_id]
            ),
            offered=[(passages[p["id"]], p["score"]) for p in reply["why"]["passages"] if p["id"] in passages],
            reviews=[review for review in self._book.reviews(app) if text_key(review.text) == key],
        )

    # Decisions

    def decide(self, review: Review, message_ids: Sequence[str] = ()) -> list[int]:
        """Keep what a reviewer decided, all or nothing; the ids of the reviews.

        With ``message_ids`` (of replies) it is decided of each of the messages that they answered, whose texts count
        instead of the review's. Raises BadInputError that names what is wrong, and ConversationError if one of the
        messages is gone.
        """
        app = self._app(review.app)
        check_review(review, app.domain, app.index)
        with self._store.file.transaction():
            each = [replace(review, text=self._text(i, review.app), message_id=i) for i in message_ids] or [review]
            ids = [self._book.add(one) for one in each]
        self._changed()
        return ids

    def _text(self, message_id: str, app: str) -> str:
        rows = self._store.file.read(
            "SELECT u.text FROM messages u JOIN conversations c ON c.id = u.conversation_id "
            "WHERE u.turn = ? AND u.role = 'user' AND c.app = ?",
            [message_id, app],
        )
        if not rows:
            raise ConversationError(message_id)
        return str(rows[0]["text"])

    def undo(self, app: str, review_ids: Sequence[int], who: str, *, others: bool = False) -> None:
        """Take reviews back, all or none; ``others``: also those that somebody else gave.

        Raises BadInputError if one of them is not there any more, or is not ``who``'s.
        """
        own = {review.id for review in self._book.reviews(app) if others or review.reviewer == who}
        with self._store.file.transaction():
            for review_id in review_ids:
                if review_id not in own:
                    raise BadInputError("unknown_review", f"There is no review {review_id} that you could undo.")
                self._book.undo(review_id, who)
        self._changed()

    def add_intent(self, app: str, name: str, title: str, reply: str, who: str) -> None:
        """Declare an intent in the app's own file, and take it up. Raises BadInputError that says why not."""
        with self._naming:
            try:
                add_intent(self._app(app).domain.folder, name, title, reply)
            except DomainError as error:
                raise BadInputError("bad_intent", str(error)) from error
            except OSError as error:
                message = f"The files of app '{app}' cannot be changed: {error.strerror}. Nothing was made."
                raise BadInputError("files_closed", message) from error
            self._reload(app)
        self._audit.write(who, "add_intent", app, intent=name)


def _is_open(entry: Listed, done: Collection[str]) -> bool:
    """Whether there is still something to review in it; ``done`` are the keys of the reviewed texts."""
    match entry:
        case Item():
            return text_key(entry.candidate.text) not in done
        case Wish():
            return sum(text_key(message.text) not in done for message in entry.messages) >= SMALLEST
        case (text, _):
            return text_key(text) not in done
