"""Forms and actions: begun, filled slot by slot, checked, confirmed, run, and brought back after a digression.

Knows nothing of models or passages beyond what the turn holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from agent.dialogue.actions import ActionContext, ActionResult, Actions, inert
from agent.dialogue.answers import best_answers
from agent.dialogue.forms import needed, usable
from agent.dialogue.handover import Handover
from agent.dialogue.router import code_of
from agent.dialogue.speech import Speech
from agent.dialogue.tracker import FormState
from agent.dialogue.turn import CANCEL, PERSON, YES_NO, Turn
from agent.domain import Domain, Intent
from agent.errors import ActionError
from agent.types import QuickReply, Route

log = logging.getLogger("switchboard")


class Tasks:
    """Forms and actions of one app. Holds no state of a conversation; safe for many threads."""

    def __init__(
        self,
        domain: Domain,
        actions: Actions,
        data_folder: Path,
        today: Callable[[], date],
        speech: Speech,
        handover: Handover,
    ) -> None:
        """``data_folder`` is the app's own."""
        self._domain = domain
        self._actions = actions
        self._data = data_folder
        self._today = today
        self._speech = speech
        self._handover = handover

    def act(self, turn: Turn) -> None:
        """Carry the form (or waiting action) of the route one step further, or begin one."""
        state, code = turn.tracker.form, code_of(turn.route)
        intent = self._domain.intents[turn.route.intent or ""]
        if state is not None and code == "cancelled":
            turn.tracker.form, turn.tracker.later = None, None
            self._speech.say(turn, "form_cancelled")
            turn.quick_replies += [QuickReply(example, example) for example in self._domain.examples[:3]]
        elif state is not None and code == "denied":
            self._speech.say(turn, "form_wrong")
            turn.quick_replies.append(CANCEL)
        elif state is not None and code == "asked again":
            if state.confirming:
                turn.ask(self._speech.pick(turn, "form_yes_or_no"), YES_NO)
            else:
                self._speech.say(turn, "not_understood")
                self._ask(turn, state)
        elif state is not None and code == "confirmed":
            self._finish(turn, state)
        elif state is not None and code == "filled":
            self._fill(turn, state, usable(turn.step.prediction.text, state, turn.step.entities, self._domain))
        else:
            self._begin(turn, intent)

    def resume(self, turn: Turn) -> None:
        """Bring the form back that another question interrupted, if there is one."""
        state = turn.tracker.form
        if state is None:
            return
        title = self._domain.forms[state.form].title if state.form else self._domain.intents[state.intent].title
        if state.asking:
            question, replies = self._speech.question(turn, state.asking), self._speech.slot_replies(state.asking)
        else:
            question, replies = self._speech.pick(turn, "form_yes_or_no"), YES_NO
        turn.ask(self._speech.pick(turn, "form_resume", form=title, question=question), replies)

    def _begin(self, turn: Turn, intent: Intent) -> None:
        """A new form or action; one that was under way is put aside."""
        if turn.tracker.form is not None and turn.tracker.form.form is not None:
            self._speech.say(turn, "form_left", form=self._domain.forms[turn.tracker.form.form].title)
        state = FormState(intent.name, intent.form)
        turn.tracker.form = state
        state.slots = {s: v for s, v in turn.tracker.slots.items() if s in needed(state, self._domain)}
        waiting = any(s not in state.slots | dict(turn.step.entities) for s in needed(state, self._domain))
        if intent.explain and waiting:
            found = best_answers(turn.step.hits, self._domain, turn.step.prediction)
            if found:
                self._speech.quote(turn, found, intent.response or "lead_in")
        if state.form is not None and not state.slots.keys() & turn.step.entities.keys():
            self._forget_unfit(turn, state)
        self._fill(turn, state, turn.step.entities)

    def _forget_unfit(self, turn: Turn, state: FormState) -> None:
        """Start without the values remembered from before if the form's check ends over them: what fits another
        wish ("where is 48213?") need not be meant in this one ("and how do I return the boots I have?").
        """
        check = self._domain.forms[state.form or ""].check
        if check is None or not state.slots:
            return
        result = self._run(check, turn, state)
        if result is not None and result.done and not result.handoff:
            turn.parts.append(result.text)
            for slot in state.slots:
                turn.tracker.slots.pop(slot, None)
            state.slots = {}

    def _fill(self, turn: Turn, state: FormState, values: Mapping[str, str]) -> None:
        """Take the values, check them, then ask for the next slot, for a yes, or do it."""
        state.slots |= values
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
            turn.ask(self._speech.pick(turn, "form_confirm", summary=summary), YES_NO)
        else:
            self._finish(turn, state)

    def _go_on(self, turn: Turn, state: FormState, result: ActionResult) -> bool:
        """Take a check's verdict; False if the form ends or sends the person back."""
        state.slots |= result.slots
        if result.missing or result.handoff or result.done:
            self._take(turn, state, result)
            return False
        turn.parts.append(result.text)
        return True

    def _finish(self, turn: Turn, state: FormState) -> None:
        name = self._domain.forms[state.form].action if state.form else self._domain.intents[state.intent].action
        result = self._run(name or "", turn, state)
        if result is not None:
            self._take(turn, state, result)

    def _run(self, name: str, turn: Turn, state: FormState) -> ActionResult | None:
        """The action's result; None if it failed, which has been said then."""
        text = turn.step.prediction.text
        context = ActionContext(
            app_folder=self._domain.folder,
            data_folder=self._data,
            conversation_id=turn.tracker.conversation_id,
            slots=turn.tracker.slots | dict(turn.step.entities) | state.slots,
            text=text,
            sentiment=turn.mood,
            today=self._today(),
        )
        try:
            # An app's data may be personal: for our own account alone.
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._actions[name](context)
        except (ActionError, OSError) as error:
            log.error("%s: action %s failed: %s", self._domain.name, name, error)
            self._speech.say(turn, "action_failed")
            turn.quick_replies += [QuickReply("Try again", text), PERSON]
            if state.form is None:
                turn.tracker.form = None
            return None

    def _take(self, turn: Turn, state: FormState, result: ActionResult) -> None:
        """Say an action's result; ask again for what it misses, end the form, or hand over."""
        tracker = turn.tracker
        if result.missing is None and result.text and result.text == tracker.last_result:
            self._speech.say(turn, "unchanged")
            turn.quick_replies.append(PERSON)
        turn.parts.append(result.text)
        turn.quick_replies += result.quick_replies
        turn.figures += result.figures
        if result.missing is not None:
            self._ask_again(turn, state, result.missing)
            return
        tracker.form, tracker.last_result = None, result.text
        tracker.slots |= {s: v for s, v in result.slots.items() if self._domain.slots[s].remember}
        if result.handoff:
            turn.route = Route("handoff", f"asked for by the action: {turn.route.reason}", state.intent)
            self._handover.begin(turn)
        else:
            self._speech.offer(turn, self._domain.intents[state.intent])

    def _ask_again(self, turn: Turn, state: FormState, slot: str) -> None:
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
            self._handover.begin(turn)
            return
        turn.route = replace(turn.route, reason=f"asked again: {slot} was not accepted ({turn.route.reason})")
        turn.ask("", self._speech.slot_replies(slot))

    def _ask(self, turn: Turn, state: FormState) -> None:
        if state.asking is not None:
            turn.ask(self._speech.question(turn, state.asking), self._speech.slot_replies(state.asking))
