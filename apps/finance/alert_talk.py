"""Alerts in the chat: set, listed and removed. They are the desk's: whoever uses it sees and hears of the same ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from agent.dialogue.actions import ActionContext, ActionResult, inert

from . import telling
from .alarm import ALL, Fired, Watched, add_rule, fired, remove_rule, rules
from .alerts import RuleError
from .answering import opened
from .naming import Named, find_names, without_names
from .queries import bounds
from .request import today_of
from .setup import Desk
from .spans import Span, find_span
from .watch_words import rules_of

WHERE = "Alerts stand on the analyst's page and in the log, and go to the webhook if one is set."
_MOST = 8
_NUMBER = re.compile(r"\b(?:alerts?|alarms?|no\.?|number|nr\.?|#)\s*#?(\d{1,6})\b", re.I)
_EVERY = re.compile(r"\b(?:all|every|everything|any)\b", re.I)
_LOG = re.compile(r"\b(?:fired|fire|went off|go off|gone off|log|history|triggered|rang|got)\b", re.I)


def set_alert(context: ActionContext) -> ActionResult:
    """Watch who is named, or who was spoken of, for what the message says."""
    with opened(context) as desk:
        named = find_names(context.text, desk)
        subjects = _subjects(named, context, desk)
        if not subjects:
            unknown = inert(telling.listed(named.unknown))
            said = f"{unknown} is not on the watch list, so I cannot watch it. " if unknown else ""
            return ActionResult(f"{said}Whom shall I watch? Name a company, a sector, or the whole list.")
        try:
            wanted = rules_of(without_names(context.text, named))
        except RuleError as error:
            return ActionResult(inert(str(error)))
        watched = [add_rule(desk, subject, rule) for subject in subjects for rule in wanted]
        lines = [f"- Alert {one.id}: {_said(desk, one)}. {_past(desk, one)}" for one in watched]
        kept = {} if ALL in subjects else {"company": ", ".join(subjects)}
        return ActionResult("\n".join(["I watch:\n", *lines, f"\n{WHERE}"]), slots=kept)


def list_alerts(context: ActionContext) -> ActionResult:
    """What is watched, or what fired."""
    with opened(context) as desk:
        named = find_names(context.text, desk)
        kept = _of(rules(desk), named)
        if _LOG.search(context.text):
            found = bounds(desk)
            today = today_of(found[1], context.today) if found else context.today
            span = find_span(without_names(context.text, named), today)
            since, until = (span.since or date.min, span.until) if isinstance(span, Span) else (date.min, date.max)
            names = [*named.tickers, *named.sectors] or None
            return ActionResult(_log(fired(desk, names, since, until, most=_MOST)))
        if not kept:
            return ActionResult('No alert is set. Say for instance "alert me when Orchard turns negative".')
        lines = [f"- Alert {one.id}: {_said(desk, one)}. {_past(desk, one)}" for one in kept]
        return ActionResult("\n".join(["These are watched:\n", *lines, f"\n{WHERE}"]))


def remove_alert(context: ActionContext) -> ActionResult:
    """Remove by number, by whom it watches, or all."""
    with opened(context) as desk:
        there = rules(desk)
        if not there:
            return ActionResult("No alert is set, so there is nothing to remove.")
        named = find_names(context.text, desk)
        number = _NUMBER.search(context.text)
        if number:
            gone = [one for one in there if one.id == int(number[1])]
        elif named.tickers or named.sectors:
            gone = _of(there, named)
        elif named.everybody or _EVERY.search(context.text):
            gone = there
        else:
            remembered = context.slots.get("company", "").split(", ")
            gone = [one for one in there if one.subject in remembered] if len(there) > 1 else there
        if not gone:
            lines = [f"- Alert {one.id}: {_said(desk, one)}" for one in there]
            return ActionResult("\n".join(["There is no such alert. These are watched:\n", *lines]))
        lines = [f"- Alert {one.id}: {_said(desk, remove_rule(desk, one.id))}" for one in gone]
        return ActionResult("\n".join(["Removed; what it fired stays in the log:\n", *lines]))


def _subjects(named: Named, context: ActionContext, desk: Desk) -> tuple[str, ...]:
    """Whom to watch; those spoken of before only where the message names nobody at all."""
    if named.tickers or named.sectors:
        return named.tickers or named.sectors
    if named.everybody:
        return (ALL,)
    remembered = [] if named.unknown else context.slots.get("company", "").split(", ")
    known = {*desk.companies, *(company.sector for company in desk.companies.values())}
    return tuple(name for name in remembered if name in known)


def _of(watched: Sequence[Watched], named: Named) -> list[Watched]:
    """Those for the named companies and sectors; all if none is named."""
    subjects = {*named.tickers, *named.sectors}
    return [one for one in watched if not subjects or one.subject in subjects]


def _said(desk: Desk, watched: Watched) -> str:
    company = desk.companies.get(watched.subject)
    return inert(f"{company.name}, {watched}" if company else str(watched))


def _past(desk: Desk, watched: Watched) -> str:
    found = fired(desk, rule=watched.id, most=1000)
    if not found:
        return "It has not fired so far."
    times = "once" if len(found) == 1 else f"{len(found)} times"
    return f"It would have fired {times} so far, the last time for {telling.day_of(found[0].day)}."


def _log(found: Sequence[Fired]) -> str:
    if not found:
        return "No alert has fired in this time."
    return "\n".join(["These fired, the latest first:\n", *(f"- {inert(str(one))}" for one in found)])
