"""Route -> Reply: says what each route means, and brings the tracker up to date.

Knows nothing of models, indexes or the store: it is handed what they found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from agent.dialogue.actions import Actions
from agent.dialogue.answers import Answer, best_answers, cite, other_answers
from agent.dialogue.handover import Handover
from agent.dialogue.router import LANGUAGE, NO_ANSWER, NO_WORDS, RESUMED, VENTED, code_of, is_angry, is_failure
from agent.dialogue.speech import Speech
from agent.dialogue.tasks import Tasks
from agent.dialogue.tracker import Clarification, Tracker
from agent.dialogue.turn import PERSON, Draft, Step, Turn, mood_of
from agent.domain import Domain, Intent
from agent.text import bare_words
from agent.types import Prediction, QuickReply, Route

# Excerpts remembered, so that the state of a long talk stays small.
_MOST_TOLD = 40


class Policy:
    """Replies of one app. Holds no state of a conversation; safe for many threads.

    A message's reply is put together in one turn: ``begin``, ``carry_out`` for each wish, ``end``.
    """

    def __init__(
        self, domain: Domain, actions: Actions, data_folder: Path, today: Callable[[], date] = date.today
    ) -> None:
        """``data_folder`` is the service's; the app's own data goes to ``apps/<name>`` in it."""
        self._domain = domain
        self._speech = Speech(domain)
        self._handover = Handover(domain, self._speech)
        own = data_folder / "apps" / domain.name
        self._tasks = Tasks(domain, actions, own, today, self._speech, self._handover)

    def begin(self, tracker: Tracker, prediction: Prediction) -> Turn:
        """A turn that answers to the mood of ``prediction``."""
        return Turn(tracker, mood_of(prediction))

    def carry_out(self, turn: Turn, step: Step) -> None:
        """Answer one wish. Changes the tracker, and the step's route where another one turns out to be right,
        for instance if no passage answers.
        """
        turn.steps.append(step)
        turn.tracker.slots |= self._remembered(step.entities)
        match step.route.kind:
            case "handoff":
                self._handover.begin(turn)
            case "refuse":
                self._refuse(turn)
            case "clarify":
                self._clarify(turn)
            case "form" | "action":
                self._tasks.act(turn)
            case _:
                self._answer(turn)

    def end(self, turn: Turn) -> Draft:
        """The reply; brings the tracker's counts and memories up to date."""
        tracker, first = turn.tracker, turn.steps[0]
        routes = [step.route for step in turn.steps]
        if tracker.turns == 0:
            turn.parts.insert(0, self._domain.disclosure)
        tracker.turns += 1
        tracker.anger = tracker.anger + 1 if is_angry(first.prediction) else 0
        if all(route.kind != "clarify" for route in routes):
            tracker.clarification = None
        if any(is_failure(route) for route in routes):
            tracker.failures += 1
        elif any(route.kind != "refuse" for route in routes):
            tracker.failures = 0
        for step in turn.steps:
            self._remember(tracker, step)
        self._handover.note(turn)
        route = first.route
        if len(routes) > 1:
            names = tuple(route.intent for route in routes if route.intent is not None)
            reason = " Then: ".join(route.reason for route in routes)
            route = Route(route.kind, reason, route.intent, route.score, route.threshold, names)
        text = "\n\n".join(part for part in [*turn.parts, turn.closing] if part)
        quick = tuple(dict.fromkeys([*turn.closing_replies, *turn.quick_replies]))
        # Those under a form's question are values.
        meant = {bare_words(reply.text): self._domain.meaning(reply.text) for reply in turn.quick_replies}
        tracker.offered = {words: intent for words, intent in meant.items() if intent is not None}
        return Draft(text, route, tuple(turn.citations), quick, tuple(turn.figures), first.prediction, first.hits)

    def hand_over(self, tracker: Tracker, reason: str) -> None:
        """A person takes the conversation without being asked for."""
        self._handover.hold(tracker, reason)

    def take_back(self, tracker: Tracker, known: Mapping[str, str]) -> None:
        """The bot has the conversation again; the values ``known`` are remembered where the app wants that."""
        tracker.holder, tracker.anger, tracker.failures = "bot", 0, 0
        tracker.slots |= self._remembered(known)

    def _remembered(self, entities: Mapping[str, str]) -> dict[str, str]:
        return {slot: value for slot, value in entities.items() if self._domain.slots[slot].remember}

    def _remember(self, tracker: Tracker, step: Step) -> None:
        """What the next message may lean on."""
        route = step.route
        if route.kind in ("refuse", "handoff"):
            tracker.last_question = tracker.last_follow_up = None
            return
        intent = self._domain.intents.get(route.intent or "")
        if intent is not None:
            tracker.last_intent = intent.name
        if code_of(route) in ("filled", "confirmed", "denied", "cancelled", "asked again", VENTED) or (
            intent is not None and intent.route == "reply"
        ):
            return
        if step.wish.leaned:
            tracker.last_follow_up = step.prediction.text
        else:
            tracker.last_question, tracker.last_follow_up = step.wish.query, None

    # Without knowledge or action

    def _refuse(self, turn: Turn) -> None:
        code = code_of(turn.route)
        name = {LANGUAGE: "language", NO_WORDS: "no_words", NO_ANSWER: "no_answer"}.get(code, "out_of_scope")
        self._speech.say(turn, name)
        if turn.tracker.form:
            self._tasks.resume(turn)
        elif code != LANGUAGE:
            turn.quick_replies += [QuickReply(example, example) for example in self._domain.examples[:4]]
        turn.quick_replies.append(PERSON)

    def _clarify(self, turn: Turn) -> None:
        first, second = (self._domain.intents[name].title for name in turn.route.options[:2])
        self._speech.say(turn, "clarify", first=first, second=second)
        turn.tracker.clarification = Clarification(turn.route.options[:2], turn.step.prediction.text)
        turn.quick_replies += [QuickReply(_capital(title), title) for title in (first, second)]
        if turn.mood == "negative":
            turn.quick_replies.append(PERSON)

    # From the knowledge

    def _answer(self, turn: Turn) -> None:
        if code_of(turn.route) == RESUMED:
            self.take_back(turn.tracker, {})
            self._speech.say(turn, "welcome_back")
            return
        intent = self._domain.intents.get(turn.route.intent or "")
        if intent is not None and code_of(turn.route) == VENTED:
            self._speech.say(turn, "vented", first=intent.title)
            self._speech.offer(turn, intent)
        elif intent is not None and intent.route == "reply":
            self._speech.say(turn, intent.response or "no_answer")
            if turn.tracker.form is None:
                self._speech.offer(turn, intent)
        else:
            # A follow-up asks for what has not been said.
            told = turn.tracker.told if turn.step.wish.leaned else ()
            found = best_answers(turn.step.hits, self._domain, turn.step.prediction, told)
            if not found:
                best = max((hit.score for hit in turn.step.hits), default=0.0)
                limit = self._domain.thresholds.knowledge
                reason = f"{NO_ANSWER}: the best passage has {best:.2f}, below {limit:.2f}"
                turn.route = Route("refuse", reason, turn.route.intent, best, limit)
                self._refuse(turn)
                return
            self._tell(turn, found, intent)
            self._speech.offer(turn, intent)
        self._tasks.resume(turn)

    def _tell(self, turn: Turn, found: list[Answer], intent: Intent | None) -> None:
        """Quote what was found; what was quoted before is followed by what else there is, or by a person's offer."""
        told = turn.tracker.told
        lead_in = intent.response if intent and intent.response else "lead_in"
        if found[0].key in told:
            more = other_answers(found[0], turn.step.hits, self._domain, told)
            if not more:
                turn.citations.append(cite(found[0].hit, self._domain.name, found[0].score))
                turn.tracker.last_article = found[0].hit.passage.document_id
                self._speech.say(turn, "told_all", source=f"{found[0].hit.passage.title} [{len(turn.citations)}]")
                turn.quick_replies.append(PERSON)
                return
            found, lead_in = more, "told_more"
        told += [answer.key for answer in found if answer.key not in told]
        del told[:-_MOST_TOLD]
        self._speech.quote(turn, found, lead_in)


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]
