"""Dialogue: one message of a conversation from its predictions to its reply.

    texts(message, tracker) -> the model reads them in one batch -> reply(message, predictions, tracker, search)

Knows nothing of engines, stores or HTTP: predictions and search are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from numpy import float32
from numpy.typing import NDArray

from agent.dialogue.actions import Actions
from agent.dialogue.entities import extract
from agent.dialogue.policy import Policy
from agent.dialogue.reading import Wish, reading, wishes
from agent.dialogue.router import CHOSEN, OFFERED, Router, code_of
from agent.dialogue.spelling import Spelling
from agent.dialogue.tracker import Later, Tracker
from agent.dialogue.turn import Draft, Step, Turn
from agent.domain import Domain
from agent.types import Prediction, Route
from index.knowledge import Hit

Search = Callable[[str, NDArray[float32]], Sequence[Hit]]
"""From a text and its query vector, shape (D,), to the passages that answer it, best first."""


class Dialogue:
    """The conversations of one app. Holds no state of them; safe for many threads."""

    def __init__(
        self,
        domain: Domain,
        actions: Actions,
        data_folder: Path,
        today: Callable[[], date] = date.today,
        *,
        is_word: Callable[[str], bool],
    ) -> None:
        """``data_folder`` is the service's; ``today`` is what "tomorrow" starts from; ``is_word`` says of a word in
        lower case whether the model knows it, so that it is no slip of the keyboard.
        """
        self._domain = domain
        self._spelling = Spelling(domain.texts, is_word)
        self._today = today
        self._router = Router(domain)
        self._policy = Policy(domain, actions, data_folder, today)

    @property
    def app(self) -> str:
        """Name of the app."""
        return self._domain.name

    def texts(self, text: str, tracker: Tracker) -> list[str]:
        """What the model has to read for the message ``text``, itself first."""
        return [self._spelling.mended(part) for part in reading(text, tracker, self._domain).texts]

    def reply(self, text: str, predictions: Sequence[Prediction], tracker: Tracker, search: Search) -> Draft:
        """The reply to the message ``text``, whose ``texts`` have these predictions. Changes ``tracker``."""
        said = reading(text, tracker, self._domain).texts
        predictions = [
            replace(_of_app(prediction, self._domain), text=part)
            for part, prediction in zip(said, predictions, strict=True)
        ]
        found = wishes(predictions, tracker, self._domain)
        turn = self._policy.begin(tracker, predictions[0])
        for wish in found:
            if tracker.holder == "person" and turn.steps:
                break
            self._carry_out(turn, wish, search)
        if tracker.later is not None and tracker.form is None:
            self._carry_out_later(turn, tracker.later)
        return self._policy.end(turn)

    def hand_over(self, tracker: Tracker, reason: str) -> None:
        """A person takes the conversation over without being asked for. Changes ``tracker``."""
        self._policy.hand_over(tracker, reason)

    def take_back(self, tracker: Tracker, note: str) -> None:
        """The bot has the conversation again and knows the values in the person's ``note``. Changes ``tracker``."""
        self._policy.take_back(tracker, extract(note, self._domain, self._today()))

    def _carry_out(self, turn: Turn, wish: Wish, search: Search) -> None:
        tracker, prediction = turn.tracker, wish.prediction
        entities = extract(wish.before, self._domain, self._today())
        entities |= extract(prediction.text, self._domain, self._today(), tracker.expecting)
        hits = search(self._spelling.mended(wish.query), prediction.query_vector)
        intent = self._domain.intents.get(prediction.intent or "")
        if turn.steps and tracker.form and intent and intent.route in ("action", "form"):
            tracker.later = Later(intent.name, entities)
            return
        route = self._router.route(prediction, tracker, entities, hits[0].score if hits else None)
        if code_of(route) in (OFFERED, CHOSEN):
            hits = self._of_intent(hits, route) or hits
        self._policy.carry_out(turn, Step(wish, route, entities, hits))

    def _of_intent(self, hits: Sequence[Hit], route: Route) -> list[Hit]:
        """The passages of articles about the route's intent, which is certain where the person has picked it."""
        articles = self._domain.articles
        return [hit for hit in hits if (a := articles.get(hit.passage.document_id)) and a.intent == route.intent]

    def _carry_out_later(self, turn: Turn, later: Later) -> None:
        """Go on to the wish that waited for another one."""
        turn.tracker.later = None
        if later.intent in self._domain.intents:
            route = self._router.later(later)
            self._policy.carry_out(turn, Step(turn.step.wish, route, later.slots, ()))


def _of_app(prediction: Prediction, domain: Domain) -> Prediction:
    """Without the intents that the domain does not have (any more), as a version knows those of its own examples; and
    without a sentiment that says nothing of the person.
    """
    known = tuple(ranked for ranked in prediction.intents if ranked.name in domain.intents)
    return replace(prediction, intents=known, sentiment=prediction.sentiment if domain.moods else None)
