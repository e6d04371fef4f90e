"""Route -> Reply: says what the route means, runs actions, and brings the tracker up to date.

Knows nothing of models, indexes or the store: it is handed what they found.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from agent.dialogue.actions import ActionContext, ActionResult, Actions, inert
from agent.dialogue.answers import Answer, best_answers, cite
from agent.dialogue.forms import needed
from agent.dialogue.router import (
    HELD,
    LANGUAGE,
    NO_ANSWER,
    NO_WORDS,
    RESUMED,
    code_of,
    is_angry,
    is_failure,
)
from agent.dialogue.tracker import Clarification, FormState, Tracker
from agent.domain import Domain, Intent
from agent.errors import ActionError
from agent.types import Citation, Prediction, QuickReply, Route, SentimentLabel
from agent.wordings import PERSON_TITLE, RESUME_TITLE
from index.knowledge import Hit

log = logging.getLogger("switchboard")

# Least probability of a mood to answer in its wordings; a wrong tone is worse than a plain one.
_SURE_MOOD = 0.5

_PLACE = re.compile(r"\{(\w+)\}")
_PERSON = QuickReply(PERSON_TITLE, PERSON_TITLE)
_RESUME = QuickReply(RESUME_TITLE, RESUME_TITLE)
_CANCEL = QuickReply("Cancel", "cancel")
_YES_NO = (QuickReply("Yes", "yes"), QuickReply("No", "no"), _CANCEL)


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply without its ids."""

    text: str
    route: Route
    citations: tuple[Citation, ...] = ()
    quick_replies: tuple[QuickReply, ...] = ()


@dataclass
class _Turn:
    """What one turn works with; parts are joined by blank lines in the end."""

    prediction: Prediction
    tracker: Tracker
    entities: Mapping[str, str]
    hits: Sequence[Hit]
    mood: SentimentLabel
    route: Route
    parts: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    quick_replies: list[QuickReply] = field(default_factory=list)


class Policy:
    """Replies of one app. Holds no state of a conversation; safe for many threads."""

    def __init__(
        self, domain: Domain, actions: Actions, data_folder: Path, today: Callable[[], date] = date.today
    ) -> None:
        """``data_folder`` is the service's; the app's own data goes to ``apps/<name>`` in it."""
        self._domain = domain
        self._actions = actions
        self._data = data_folder / "apps" / domain.name
        self._today = today

    def reply(
        self,
        route: Route,
        prediction: Prediction,
        tracker: Tracker,
        entities: Mapping[str, str],
        hits: Sequence[Hit],
    ) -> Draft:
        """The reply to one message. Changes ``tracker``; the draft's route may differ from ``route``, for
        instance if no passage answers.
        """
        mood = mood_of(prediction)
        turn = _Turn(prediction, tracker, entities, hits, mood, route)
        first = tracker.turns == 0
        tracker.turns += 1
        tracker.anger = tracker.anger + 1 if is_angry(prediction) else 0
        slots = self._domain.slots
        tracker.slots |= {slot: value for slot, value in entities.items() if slots[slot].remember}
        before = tracker.clarification
        match route.kind:
            case "handoff":
                self._hand_over(turn)
            case "refuse":
                self._refuse(turn)
            case "clarify":
                self._clarify(turn)
            case "form" | "action":
                self._act(turn)
            case _:
                self._answer(turn)
        if tracker.clarification is before:
            tracker.clarification = None
        if is_failure(turn.route):
            tracker.failures += 1
        elif turn.route.kind != "refuse":
            tracker.failures = 0
        if turn.route.intent is not None and turn.route.kind != "refuse":
            tracker.last_intent = turn.route.intent
        if first:
            turn.parts.insert(0, self._domain.disclosure)
        text = "\n\n".join(part for part in turn.parts if part)
        quick = tuple(dict.fromkeys(turn.quick_replies))
        return Draft(text, turn.route, tuple(turn.citations), quick)

    # Without knowledge or action

    def _hand_over(self, turn: _Turn) -> None:
        held = code_of(turn.route) == HELD
        turn.tracker.holder = "person"
        turn.tracker.form = None
        self._say(turn, "with_person" if held else "handoff")
        if not held and self._domain.handoff.message:
            turn.parts.append(self._filled(self._domain.handoff.message, turn, {}))
        turn.quick_replies.append(_RESUME)

    def _refuse(self, turn: _Turn) -> None:
        code = code_of(turn.route)
        self._say(turn, {LANGUAGE: "language", NO_WORDS: "no_words", NO_ANSWER: "no_answer"}.get(code, "out_of_scope"))
        if turn.tracker.form:
            self._resume(turn)
        elif code != LANGUAGE:
            turn.quick_replies += [QuickReply(example, example) for example in self._domain.examples[:4]]
        turn.quick_replies.append(_PERSON)

    def _clarify(self, turn: _Turn) -> None:
        first, second = (self._domain.intents[name].title for name in turn.route.options[:2])
        self._say(turn, "clarify", first=first, second=second)
        turn.tracker.clarification = Clarification(turn.route.options[:2], turn.prediction.text)
        turn.quick_replies += [QuickReply(_capital(title), title) for title in (first, second)]
        if turn.mood == "negative":
            turn.quick_replies.append(_PERSON)

    # From the knowledge

    def _answer(self, turn: _Turn) -> None:
        if code_of(turn.route) == RESUMED:
            turn.tracker.holder, turn.tracker.anger, turn.tracker.failures = "bot", 0, 0
            self._say(turn, "welcome_back")
            return
        intent = self._domain.intents.get(turn.route.intent or "")
        if intent is not None and intent.route == "reply":
            self._say(turn, intent.response or "no_answer")
            self._offer(turn, intent)
        else:
            found = best_answers(turn.hits, self._domain, turn.route.intent, turn.prediction)
            if not found:
                best = max((hit.score for hit in turn.hits), default=0.0)
                limit = self._domain.thresholds.knowledge
                reason = f"{NO_ANSWER}: the best passage has {best:.2f}, below {limit:.2f}"
                turn.route = Route("refuse", reason, turn.route.intent, best, limit)
                self._refuse(turn)
                return
            self._cite(turn, found, intent)
            self._offer(turn, intent)
        if turn.tracker.form:
            self._resume(turn)

    def _cite(self, turn: _Turn, found: Sequence[Answer], intent: Intent | None) -> None:
        self._say(turn, intent.response if intent and intent.response else "lead_in")
        for answer in found:
            turn.citations.append(cite(answer.hit, self._domain.name, answer.score))
            # A mark behind a table's last row would become a cell of it.
            gap = "\n\n" if answer.text.endswith("|") else " "
            turn.parts.append(f"{answer.text}{gap}[{len(turn.citations)}]")
            turn.tracker.last_article = answer.hit.passage.document_id

    def _offer(self, turn: _Turn, intent: Intent | None) -> None:
        if intent is not None:
            turn.quick_replies += [QuickReply(text, text) for text in intent.follow_ups]
        if turn.mood == "negative":
            turn.quick_replies.append(_PERSON)

    # Forms and actions

    def _act(self, turn: _Turn) -> None:
        """Carry the form (or waiting action) of the route one step further, or begin one."""
        state, code = turn.tracker.form, code_of(turn.route)
        intent = self._domain.intents[turn.route.intent or ""]
        if state is not None and code == "cancelled":
            turn.tracker.form = None
            self._say(turn, "form_cancelled")
            turn.quick_replies += [QuickReply(example, example) for example in self._domain.examples[:3]]
        elif state is not None and code == "denied":
            self._say(turn, "form_wrong")
            turn.quick_replies.append(_CANCEL)
        elif state is not None and code == "asked again":
            if state.confirming:
                self._say(turn, "form_yes_or_no")
                turn.quick_replies += _YES_NO
            else:
                self._say(turn, "not_understood")
                self._ask(turn, state)
        elif state is not None and code == "confirmed":
            self._finish(turn, state)
        elif state is not None and code == "filled":
            self._fill(turn, state, intent)
        else:
            self._begin(turn, intent)

    def _begin(self, turn: _Turn, intent: Intent) -> None:
        """A new form or action; one that was under way is put aside."""
        if turn.tracker.form is not None and turn.tracker.form.form is not None:
            self._say(turn, "form_left", form=self._domain.forms[turn.tracker.form.form].title)
        state = FormState(intent.name, intent.form)
        turn.tracker.form = state
        state.slots = {s: v for s, v in turn.tracker.slots.items() if s in needed(state, self._domain)}
        waiting = any(s not in state.slots | dict(turn.entities) for s in needed(state, self._domain))
        if intent.explain and waiting:
            found = best_answers(turn.hits, self._domain, intent.name, turn.prediction)
            if found:
                self._cite(turn, found, intent)
        self._fill(turn, state, intent)

    def _fill(self, turn: _Turn, state: FormState, intent: Intent) -> None:
        """Take the message's values, check them, then ask for the next slot, for a yes, or do it."""
        state.slots |= turn.entities
        state.confirming = False
        form = self._domain.forms[state.form] if state.form else None
        if form is not None and form.check is not None and state.slots:
            result = self._run(form.check, turn, state)
            if result is None or not self._go_on(turn, state, result):
                return
        missing = [slot for slot in needed(state, self._domain) if slot not in state.slots]
        if missing:
            state.asking = missing[0]
            self._ask(turn, state)
        elif form is not None and form.confirm:
            state.asking, state.confirming = None, True
            summary = "\n".join(
                f"- {self._domain.slots[slot].title}: **{inert(state.slots[slot])}**" for slot in form.slots
            )
            self._say(turn, "form_confirm", summary=summary)
            turn.quick_replies += _YES_NO
        else:
            self._finish(turn, state)

    def _go_on(self, turn: _Turn, state: FormState, result: ActionResult) -> bool:
        """Take a check's verdict; False if the form ends or sends the person back."""
        state.slots |= result.slots
        if result.missing or result.handoff or result.done:
            self._take(turn, state, result)
            return False
        turn.parts.append(result.text)
        return True

    def _finish(self, turn: _Turn, state: FormState) -> None:
        name = self._domain.forms[state.form].action if state.form else self._domain.intents[state.intent].action
        result = self._run(name or "", turn, state)
        if result is not None:
            self._take(turn, state, result)

    def _run(self, name: str, turn: _Turn, state: FormState) -> ActionResult | None:
        """The action's result; None if it failed, which has been said then."""
        slots = turn.tracker.slots | dict(turn.entities) | state.slots
        context = ActionContext(
            app_folder=self._domain.folder,
            data_folder=self._data,
            conversation_id=turn.tracker.conversation_id,
            slots=slots,
            text=turn.prediction.text,
            sentiment=turn.mood,
            today=self._today(),
        )
        try:
            # An app's data may be personal: for our own account alone.
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._actions[name](context)
        except (ActionError, OSError) as error:
            log.error("%s: action %s failed: %s", self._domain.name, name, error)
            self._say(turn, "action_failed")
            turn.quick_replies += [QuickReply("Try again", turn.prediction.text), _PERSON]
            if state.form is None:
                turn.tracker.form = None
            return None

    def _take(self, turn: _Turn, state: FormState, result: ActionResult) -> None:
        """Say an action's result; ask again for what it misses, end the form, or hand over."""
        turn.parts.append(result.text)
        turn.quick_replies += result.quick_replies
        if result.missing is not None:
            self._ask_again(turn, state, result.missing)
            return
        turn.tracker.form = None
        turn.tracker.slots |= {s: v for s, v in result.slots.items() if self._domain.slots[s].remember}
        if result.handoff:
            turn.route = Route("handoff", f"asked for by the action: {turn.route.reason}", state.intent)
            self._hand_over(turn)
        else:
            self._offer(turn, self._domain.intents[state.intent])

    def _ask_again(self, turn: _Turn, state: FormState, slot: str) -> None:
        """Ask for a slot that an action misses; a value that it had refused is a failure."""
        refused = state.slots.pop(slot, None)
        turn.tracker.slots.pop(slot, None)
        state.asking = slot
        if refused is None:
            self._ask(turn, state)
            return
        failed, limit = turn.tracker.failures + 1, self._domain.handoff.failures
        if failed >= limit:
            reason = f"{failed} failures in a row (limit {limit}); this one: {slot} was not accepted"
            turn.route = Route("handoff", reason, state.intent, failed, limit)
            turn.quick_replies.clear()
            self._hand_over(turn)
            return
        turn.route = replace(turn.route, reason=f"asked again: {slot} was not accepted ({turn.route.reason})")
        turn.quick_replies += self._slot_replies(slot)

    def _ask(self, turn: _Turn, state: FormState) -> None:
        if state.asking is not None:
            turn.parts.append(self._question(turn, state.asking))
            turn.quick_replies += self._slot_replies(state.asking)

    def _slot_replies(self, slot: str) -> list[QuickReply]:
        return [*(QuickReply(option, option) for option in self._domain.slots[slot].options), _CANCEL]

    def _resume(self, turn: _Turn) -> None:
        """Bring the form back that another question interrupted."""
        state = turn.tracker.form
        if state is None:
            return
        question = self._question(turn, state.asking) if state.asking else self._pick(turn, "form_yes_or_no", {})
        form = self._domain.forms[state.form].title if state.form else self._domain.intents[state.intent].title
        self._say(turn, "form_resume", form=form, question=question)
        turn.quick_replies[:0] = self._slot_replies(state.asking) if state.asking else list(_YES_NO)

    # Words

    def _say(self, turn: _Turn, name: str, **values: str) -> None:
        turn.parts.append(self._pick(turn, name, values))

    def _question(self, turn: _Turn, slot: str) -> str:
        return self._filled(self._next(turn, f"prompt.{slot}", self._domain.slots[slot].prompt), turn, {})

    def _pick(self, turn: _Turn, name: str, values: Mapping[str, str]) -> str:
        return self._filled(
            self._next(turn, f"{name}.{turn.mood}", self._domain.wordings(name, turn.mood)), turn, values
        )

    def _next(self, turn: _Turn, key: str, wordings: Sequence[str]) -> str:
        """The wording after the one used last; a conversation begins anywhere, but always at the same place."""
        used = turn.tracker.used_responses
        start = zlib.crc32(f"{turn.tracker.conversation_id} {key}".encode())
        used[key] = (used[key] + 1 if key in used else start) % len(wordings)
        return wordings[used[key]]

    def _filled(self, wording: str, turn: _Turn, values: Mapping[str, str]) -> str:
        """The wording with its ``{places}`` filled; values of slots are made inert."""
        general = {
            "title": self._domain.title,
            "contact": self._domain.contact,
            "topics": _listed(self._domain.topics()),
        }
        slots = {name: inert(value) for name, value in turn.tracker.slots.items()}
        filled = slots | general | dict(values)
        return _PLACE.sub(lambda m: filled.get(m[1], ""), wording).strip()


def mood_of(prediction: Prediction) -> SentimentLabel:
    """The mood to answer in: the sentiment if the model is rather sure of it, else neutral."""
    feeling = prediction.sentiment
    sure = feeling is not None and feeling.scores.get(feeling.label, 0.0) >= _SURE_MOOD
    return feeling.label if feeling is not None and sure else "neutral"


def _listed(titles: Sequence[str]) -> str:
    return ", ".join(titles[:-1]) + (" and " if len(titles) > 1 else "") + (titles[-1] if titles else "")


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]
