"""Prediction + Tracker -> Route: what to do with a message and why, in plain words with the figures.

Changes nothing and writes no reply. A reason begins with a code (``code_of``) wherever the policy needs to
know more than the route's kind.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agent.dialogue.forms import INTERRUPT, corrects, is_doubtful, is_question, says, step, usable
from agent.dialogue.reading import choice
from agent.dialogue.tracker import Later, Tracker
from agent.domain import Domain, Intent
from agent.text import bare_words, has_words
from agent.types import Prediction, Ranked, Route, RouteKind
from agent.wordings import RESUME

LANGUAGE = "language"
NO_WORDS = "no words"
SCOPE = "out of scope"
NO_ANSWER = "nothing relevant"
HELD = "with a person"
RESUMED = "back from the person"
OFFERED = "offered"
CHOSEN = "chosen after asking back"
VENTED = "vented"

# p(positive) - p(negative) at or below which a message counts as unhappy, and as angry. A plain report of trouble ("the
# code never comes") is unhappy, and two of them are no reason to call a person.
UNHAPPY = -0.6
ANGRY = -0.8
# A message of so few words can be a bare value; one of so few may lean on the last turn.
_FEW_WORDS = 6
_FOLLOW_UP_WORDS = 8
# How much better than for a first message a passage has to fit to interrupt a form.
_ASIDE_LEAD = 0.15
# The same to speak for a message that is out of scope by its score.
_SCOPE_LEAD = 0.05
# Share of a text's letters outside the Latin script from which unknown tokens mean another language (not emoji).
_FOREIGN_LETTERS = 0.5


def code_of(route: Route) -> str:
    """The code that the route's reason begins with, or the whole reason if it has none."""
    return route.reason.split(":", 1)[0]


def is_angry(prediction: Prediction) -> bool:
    """Whether the message counts towards hand-over for anger."""
    return prediction.sentiment is not None and prediction.sentiment.value <= ANGRY


class Router:
    """Routes of one app. Holds no state; safe for many threads."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    def route(
        self, prediction: Prediction, tracker: Tracker, entities: Mapping[str, str], best_passage_score: float | None
    ) -> Route:
        """What to do with the message. ``best_passage_score`` (0 to 1) is None if nothing was found."""
        if tracker.holder == "person":
            return self._held(prediction)
        # The model may still know intents that the domain file has dropped.
        known = tuple(r for r in prediction.intents if r.name in self._domain.intents)
        prediction = replace(prediction, intents=known)
        route = (
            self._offered(prediction, tracker)
            or self._answer_to_bot(prediction, tracker, entities, best_passage_score)
            or self._unreadable(prediction)
            or self._value_alone(prediction, tracker, entities)
            or self._vented(prediction, tracker, best_passage_score)
            or self._out_of_scope(prediction, best_passage_score)
            or self._by_intent(prediction, tracker, entities, best_passage_score)
        )
        return self._handed_over(route, prediction, tracker) or route

    def _offered(self, prediction: Prediction, tracker: Tracker) -> Route | None:
        """The route of a quick reply under the last reply, whatever the model makes of its words."""
        intent = self._domain.intents.get(tracker.offered.get(bare_words(prediction.text), ""))
        return self._own(intent, f"{OFFERED}: it was suggested for {intent.name}") if intent is not None else None

    def _held(self, prediction: Prediction) -> Route:
        if says(prediction.text, RESUME):
            return Route("answer", f"{RESUMED}: asked for the assistant again")
        return Route("handoff", f"{HELD}: a person holds this conversation", prediction.intent)

    def later(self, later: Later) -> Route:
        """The route of a wish that had to wait for another one."""
        return self._own(self._domain.intents[later.intent], f"waited for the first wish: {later.intent}")

    def _answer_to_bot(
        self, prediction: Prediction, tracker: Tracker, entities: Mapping[str, str], passage: float | None
    ) -> Route | None:
        """The route of a message that answers what the bot has just asked."""
        if tracker.clarification is not None:
            chosen = choice(prediction, tracker.clarification, self._domain)
            if chosen is not None:
                return self._own(chosen, f"{CHOSEN}: {chosen.name}")
        if tracker.form is None:
            return None
        kind: RouteKind = "form" if tracker.form.form else "action"
        name = tracker.form.form or tracker.form.intent
        what = step(prediction.text, prediction, tracker.form, entities, self._domain)
        if what in ("aside", "left"):
            if self._is_foreign(prediction):
                return None
            intent = self._domain.intents[prediction.intent or ""]
            return self._own(intent, f"{what}: {_sure(prediction)}, while {name} waits", prediction.confidence)
        doubtful = what == "filled" and is_doubtful(prediction.text, tracker.form, entities, self._domain)
        if doubtful or (what == "asked again" and is_question(prediction.text)):
            aside = self._aside(prediction, passage, name)
            if aside is not None:
                return aside
        taken = usable(prediction.text, tracker.form, entities, self._domain) if what == "filled" else {}
        found = ", ".join(f"{k}={v}" for k, v in taken.items())
        asked = f" ({tracker.form.asking} was asked for)" if tracker.form.asking else ""
        return Route(kind, f"{what}: {name}{asked}{': ' + found if found else ''}", tracker.form.intent)

    def _aside(self, prediction: Prediction, passage: float | None, name: str) -> Route | None:
        """A question within a form that is clear by its passage alone, or clearly about something else."""
        refused = self._unreadable(prediction) or self._out_of_scope(prediction, passage)
        limit = self._domain.thresholds.knowledge + _ASIDE_LEAD
        if refused is not None or passage is None or passage < limit:
            return refused
        reason = f"aside: a passage fits with {passage:.2f} (at least {limit:.2f}), while {name} waits"
        return Route("answer", reason, None, passage, limit)

    def _is_foreign(self, prediction: Prediction) -> bool:
        letters = [c for c in prediction.text if c.isalpha()]
        foreign = sum(not unicodedata.name(c, "").startswith("LATIN") for c in letters)
        return (
            prediction.unknown_share >= self._domain.thresholds.unknown_share
            and bool(letters)
            and foreign >= _FOREIGN_LETTERS * len(letters)
        )

    def _unreadable(self, prediction: Prediction) -> Route | None:
        limits = self._domain.thresholds
        if not has_words(prediction.text):
            return Route("refuse", f"{NO_WORDS}: the message has no letter and no digit")
        if self._is_foreign(prediction):
            share = f"{prediction.unknown_share:.0%} of the text's pieces are unknown to the model"
            reason = f"{LANGUAGE}: {share} (limit {limits.unknown_share:.0%})"
            return Route("refuse", reason, score=prediction.unknown_share, threshold=limits.unknown_share)
        return None

    def _value_alone(self, prediction: Prediction, tracker: Tracker, entities: Mapping[str, str]) -> Route | None:
        """A short message whose point is a value: for what was done last ("no, 48213"), or what the slot stands for."""
        if len(prediction.text.split()) > _FEW_WORDS:
            return None
        last = self._domain.intents.get(tracker.last_intent or "")
        wanted = (*self._slots_of(last), *last.takes) if last is not None else ()
        for slot, value in entities.items():
            entity = self._domain.entities[self._domain.slots[slot].entity]
            if entity.kind != "pattern":
                continue
            # Whatever the model makes of a number, the number alone is no wish.
            bare = any(pattern.fullmatch(prediction.text.strip(" .,!?")) for pattern in entity.patterns)
            unclear = bare or not (prediction.confidence >= INTERRUPT or self._is_wanted(prediction, entities))
            if last is not None and slot in wanted and (unclear or corrects(prediction.text)):
                return self._own(last, f"the last wish, {last.name}, with {slot}={value}")
            if not unclear:
                continue
            meant = self._domain.slots[slot].intent
            if meant is not None:
                return self._own(self._domain.intents[meant], f"{slot}={value} and no clear wish stands for {meant}")
        return None

    def _is_wanted(self, prediction: Prediction, entities: Mapping[str, str]) -> bool:
        """Whether the message is clear enough about an intent that asks for a value which it holds."""
        limits = self._domain.thresholds
        clear = prediction.confidence >= limits.confidence and _margin(prediction) >= limits.margin
        return clear and self._is_given(prediction, entities)

    def _is_given(self, prediction: Prediction, entities: Mapping[str, str]) -> bool:
        """Whether the message holds a value that its likeliest intent asks for first, which speaks for that intent."""
        intent = self._domain.intents.get(prediction.intent or "")
        slots = self._slots_of(intent) if intent is not None else ()
        return bool(slots) and slots[0] in entities

    def _slots_of(self, intent: Intent) -> tuple[str, ...]:
        """The slots that the intent's form or action asks for."""
        return self._domain.forms[intent.form].slots if intent.form else intent.slots

    def _vented(self, prediction: Prediction, tracker: Tracker, passage: float | None) -> Route | None:
        """The route of a message that asks nothing and only lets off steam about what was answered last."""
        last, feeling = self._domain.intents.get(tracker.last_intent or ""), prediction.sentiment
        served = bool(tracker.notes) and tracker.notes[-1].kind in ("answer", "action", "form")
        if last is None or last.route == "reply" or not served or "?" in prediction.text:
            return None
        refused = self._out_of_scope(prediction, passage)
        if refused is None or feeling is None or feeling.value > UNHAPPY:
            return None
        reason = (
            f"{VENTED}: clearly unhappy ({feeling.value:.2f}, at most {UNHAPPY:.2f}) and out of scope "
            f"right after {last.name}, so it is taken to be about that"
        )
        return Route("answer", reason, last.name, refused.score, refused.threshold)

    def _out_of_scope(self, prediction: Prediction, passage: float | None) -> Route | None:
        limits = self._domain.thresholds
        if not prediction.intents:
            return Route("refuse", f"{SCOPE}: the model knows no intent of this app")
        score, limit = prediction.out_of_scope, prediction.out_of_scope_threshold
        if score >= limit:
            clear = prediction.confidence >= limits.confidence and _margin(prediction) >= limits.margin
            if clear and passage is not None and passage >= limits.knowledge + _SCOPE_LEAD:
                return None
            reason = f"{SCOPE}: {score:.2f}, at or above {limit:.2f}; no passage and clear intent speak against it"
            return Route("refuse", reason, prediction.intent, score, limit)
        return None

    def _by_intent(
        self, prediction: Prediction, tracker: Tracker, entities: Mapping[str, str], passage: float | None
    ) -> Route:
        limits = self._domain.thresholds
        known = prediction.intents
        top = self._domain.intents[known[0].name]
        sure, margin = prediction.confidence, _margin(prediction)
        if sure >= limits.confidence and margin >= limits.margin:
            return self._own(top, f"{_sure(prediction)} (at least {limits.confidence:.2f})", sure)
        if margin >= limits.margin and self._is_given(prediction, entities):
            return self._own(top, f"{_sure(prediction)}, and the message holds what {top.name} asks for", sure)
        if self._same_outcome(known[:2]):
            return self._own(top, f"{_sure(prediction)}; {known[1].name} is answered in the same way", sure)
        if margin >= limits.margin and passage is not None and passage >= limits.knowledge:
            fits = f"a passage fits with {passage:.2f} (at least {limits.knowledge:.2f})"
            reason = f"{_sure(prediction)} is unsure, but {fits}"
            return Route("answer", reason, None, passage, limits.knowledge)
        # Small talk is no alternative worth asking about.
        second = next((r for r in known[1:] if self._domain.intents[r.name].route != "reply"), None)
        if second is None:
            return self._own(top, _sure(prediction), sure)
        if tracker.last_intent in (top.name, second.name) and len(prediction.text.split()) <= _FOLLOW_UP_WORDS:
            last = self._domain.intents[tracker.last_intent or ""]
            return self._own(last, f"{_sure(prediction)}, {second.name} near; the last turn was about {last.name}")
        # Which of the two limits was missed is what decided.
        near = margin < limits.margin
        reason = f"two near intents: {_sure(prediction)}, {second.name} {second.confidence:.2f}; " + (
            f"lead {margin:.2f} below {limits.margin:.2f}" if near else f"confidence below {limits.confidence:.2f}"
        )
        score, limit = (margin, limits.margin) if near else (sure, limits.confidence)
        return Route("clarify", reason, top.name, score, limit, (top.name, second.name))

    def _same_outcome(self, known: Sequence[Ranked]) -> bool:
        """Whether it makes no difference which of the two was meant."""
        if len(known) < 2:
            return False
        a, b = (self._domain.intents[r.name] for r in known)
        return a.route == b.route and a.route in ("handoff", "form") and a.form == b.form

    def _own(self, intent: Intent, reason: str, score: float | None = None) -> Route:
        """The intent's own route; ``reply`` is an answer without a passage."""
        kind: RouteKind = "answer" if intent.route == "reply" else intent.route
        limit = self._domain.thresholds.confidence if score is not None else None
        return Route(kind, reason, intent.name, score, limit)

    def _handed_over(self, route: Route, prediction: Prediction, tracker: Tracker) -> Route | None:
        """Hand-over instead of ``route``, if the domain's rules ask for it."""
        rules = self._domain.handoff
        anger = tracker.anger + 1 if is_angry(prediction) else 0
        if route.kind == "handoff":
            return None
        if anger >= rules.anger_turns:
            return Route(
                "handoff",
                f"{anger} angry messages in a row (limit {rules.anger_turns})",
                route.intent,
                anger,
                rules.anger_turns,
            )
        failed = tracker.failures + 1
        if is_failure(route) and failed >= rules.failures:
            reason = f"{failed} failures in a row (limit {rules.failures}); this one: {route.reason}"
            return Route("handoff", reason, route.intent, failed, rules.failures)
        return None


def is_failure(route: Route) -> bool:
    """Whether the bot could not go on with what it was told; a question out of scope is no failure of it."""
    return route.kind == "clarify" or code_of(route) in ("asked again", NO_ANSWER)


def _margin(prediction: Prediction) -> float:
    second = prediction.intents[1].confidence if len(prediction.intents) > 1 else 0.0
    return prediction.confidence - second


def _sure(prediction: Prediction) -> str:
    return f"{prediction.intent} with confidence {prediction.confidence:.2f}, {_margin(prediction):.2f} ahead"
