"""From a message to an answer: the question is read, asked of the items, told in words and shown as a chart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

from agent.dialogue.actions import ActionContext, ActionResult, inert
from agent.types import QuickReply

from . import telling
from .happenings import day_of_event
from .naming import near_names
from .queries import Answered, Asked, Kind, ask, bounds
from .request import OF_ALL, Request, read_request
from .setup import Desk
from .trend import Point

NO_DATA = (
    "There are no items yet. The demo stream comes by itself when the service starts; your own come with "
    "`switchboard finance ingest FILE`."
)
_LOOK_BACK = timedelta(days=14)
"""Days before a short period that it is held against at least."""
_FELL = re.compile(r"\b(drop|dropped|fall|fell|falling|down|worse|red|collapse|plunge|dip|slump|lost|soured?)", re.I)
_ROSE = re.compile(r"\b(jump|rise|rose|rising|up|better|spike|improve|gain|lift|soar|rally)", re.I)
_OFFERED = 4


@dataclass(frozen=True)
class Asking:
    """A question that can be answered."""

    desk: Desk
    text: str
    request: Request
    kind: str
    first: bool
    """Whether nothing was answered before in this conversation."""

    def ask(
        self,
        kind: Kind,
        tickers: tuple[str, ...],
        since: date | None = None,
        until: date | None = None,
        feeling: str = "",
    ) -> Answered:
        """Ask of the items; the period is the request's where none is given."""
        since, until = since or self.request.since, until or self.request.until
        return ask(self.desk, Asked(kind, tickers, since, until, self.request.step, feeling=feeling))


@contextmanager
def opened(context: ActionContext) -> Iterator[Desk]:
    """The desk of the service that runs the action."""
    desk = Desk.open(context.data_folder.parents[1])
    with closing(desk.file):
        yield desk


def answer(context: ActionContext, kind: str) -> ActionResult:
    """The answer to a question of ``kind``, or of the kind before if the message only changes whom, when or by what."""
    with opened(context) as desk:
        request = read(context, desk, kind)
        if request is None:
            return ActionResult(NO_DATA)
        before = context.slots.get("kind", "")
        if request.fragment and before in _ANSWERS:
            kind = before
            request = read(context, desk, kind)
            assert request is not None
        if not request.tickers and (request.unknown or kind not in OF_ALL):
            return _whom(desk, request, kind)
        return _ANSWERS[kind](Asking(desk, context.text, request, kind, "query" not in context.slots))


def read(context: ActionContext, desk: Desk, kind: str) -> Request | None:
    """What the message asks; None while there are no items."""
    found = bounds(desk)
    if found is None:
        return None

    def events(words: str, tickers: tuple[str, ...]) -> date | None:
        return day_of_event(desk, words, tickers)

    return read_request(context.text, kind, desk, context.slots, *found, context.today, events)


def _whom(desk: Desk, request: Request, kind: str) -> ActionResult:
    """Ask back whom the question is about; the kind is kept for the answer."""
    names = [company.name for company in desk.companies.values()]
    offered = tuple(QuickReply(name, name) for name in names[:_OFFERED])
    if not request.unknown:
        text = "Which company or sector do you mean? A name or a ticker will do."
        return ActionResult(text, offered, slots=request.remembered(kind))
    near = [name for unknown in request.unknown for name in near_names(unknown, desk.companies)]
    said = inert(telling.listed(request.unknown))
    verb = "are" if len(request.unknown) > 1 else "is"
    text = f"{said} {verb} not on the watch list, so I have read nothing about {'them' if verb == 'are' else 'it'}."
    if near:
        text += f" Do you mean {inert(telling.listed(near))}?"
        offered = tuple(QuickReply(name, name.partition(" (")[0]) for name in near)
    else:
        text += f" It has {inert(telling.listed(names))}."
    return ActionResult(text, offered, slots=request.remembered(kind))


def _index(asking: Asking) -> ActionResult:
    request = asking.request
    if request.sectors:
        answered = asking.ask("sector", request.tickers)
    else:
        answered = asking.ask("index" if len(request.tickers) == 1 else "compare", request.tickers)
    one = len(answered.series) == 1
    text = telling.index_text(answered) if one else telling.compare_text(answered)
    heard = telling.headlines_text(answered.headlines, "What weighed the most:", 3)
    return _result(asking, answered, text, heard)


def _why(asking: Asking) -> ActionResult:
    request, text = asking.request, asking.text
    tickers = request.tickers
    length = max(request.until - request.since + timedelta(days=1), _LOOK_BACK)
    earlier = asking.ask("compare", tickers, request.since - length, request.since - timedelta(days=1))
    wide = Asked("index" if len(tickers) == 1 else "compare", tickers, request.since - length, request.until, "day")
    shown = ask(asking.desk, wide)
    now = asking.ask("compare", tickers)
    parts, changes = [], []
    for name, after in now.whole.items():
        before = earlier.whole[name]
        if after.value is None or before.value is None:
            parts.append(f"**{inert(name)}** has too few items to say whether it moved.")
            continue
        change = after.value - before.value
        changes.append(change)
        way = "fell" if change < 0 else "rose"
        chance = " The bands of the two overlap, so this may be chance." if _overlap(after, before) else ""
        parts.append(
            f"**{inert(name)}** {way} by {abs(change):.2f}: from {before.value:+.2f} "
            f"({telling.span_of(before.period.first, before.period.last)}) to **{after.value:+.2f}** "
            f"({telling.span_of(after.period.first, after.period.last)}, {telling.counted(after.n)}).{chance}"
        )
    if now.empty:
        return _result(asking, now, now.empty, "")
    if changes and _FELL.search(text) and min(changes) > 0:
        parts.insert(0, "It did not fall.")
    if changes and _ROSE.search(text) and not _FELL.search(text) and max(changes) < 0:
        parts.insert(0, "It did not rise.")
    feeling = request.feeling or ("negative" if sum(changes) < 0 else "positive" if changes else "")
    heard = asking.ask("evidence", tickers, feeling=feeling)
    title = f"The {feeling} headlines that weighed the most:" if feeling else "The headlines that weighed the most:"
    list_ = telling.headlines_text(heard.headlines, title) or f"There is no {feeling} headline in this period."
    found = _result(asking, now, " ".join(parts), list_)
    return replace(found, figures=(telling.figure(shown),))


def _overlap(one: Point, other: Point) -> bool:
    """Whether the bands of two points overlap; False where one has none."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low <= other.high and other.low <= one.high


def _movers(asking: Asking) -> ActionResult:
    tickers = asking.request.tickers if asking.request.named_now else tuple(asking.desk.companies)
    answered = asking.ask("movers", tickers)
    heard = ""
    if answered.moves and answered.moves[0].n_after:
        first = answered.moves[0]
        ticker = next(t for t in tickers if asking.desk.companies[t].name == first.name)
        feeling = "negative" if first.change < 0 else "positive"
        found = asking.ask("evidence", (ticker,), feeling=feeling)
        heard = telling.headlines_text(found.headlines, f"Behind {inert(first.name)}:", 3)
    found = _result(asking, answered, telling.movers_text(answered), heard)
    # "Why?" is about the one on top.
    return replace(found, slots={**found.slots, "company": ticker}) if heard else found


def _evidence(asking: Asking) -> ActionResult:
    request = asking.request
    answered = asking.ask("evidence", request.tickers, feeling=request.feeling)
    whom = inert(telling.listed(list(answered.series)))
    said = telling.span_of(request.since, request.until)
    title = f"The {request.feeling} headlines" if request.feeling else "The headlines"
    heard = telling.headlines_text(answered.headlines, f"{title} on {whom} that weighed the most, {said}:", 8)
    return _result(asking, answered, heard or f"There is no {request.feeling} headline on {whom}, {said}.", "")


def _count(asking: Asking) -> ActionResult:
    answered = asking.ask("count", asking.request.tickers)
    return _result(asking, answered, telling.count_text(answered), "")


def _price(asking: Asking) -> ActionResult:
    answered = asking.ask("price", asking.request.tickers)
    return _result(asking, answered, telling.price_text(answered), "")


def _sector(asking: Asking) -> ActionResult:
    request = asking.request
    answered = asking.ask("sector", request.tickers if request.sectors else tuple(asking.desk.companies))
    text = telling.index_text(answered) if len(answered.series) == 1 else telling.compare_text(answered)
    heard = telling.headlines_text(answered.headlines, "What weighed the most:", 3) if request.sectors else ""
    return _result(asking, answered, text, heard)


def _volatility(asking: Asking) -> ActionResult:
    tickers = asking.request.tickers if asking.request.named_now else tuple(asking.desk.companies)
    answered = asking.ask("volatility", tickers)
    assert answered.volatility is not None
    shown = (telling.figure(answered),) if answered.volatility.forecasts else ()
    found = _result(asking, answered, telling.volatility_text(answered.volatility), "")
    return replace(found, figures=shown)


def _result(asking: Asking, answered: Answered, text: str, heard: str) -> ActionResult:
    """The answer with its notes, its chart and what the next message may lean on."""
    request = asking.request
    parts = [answered.empty or text, heard, *_notes(asking), "" if answered.empty else telling.trace_text(answered)]
    kept = request.remembered(asking.kind) | {"query": answered.id}
    shown = () if answered.empty or not _is_drawn(answered) else (telling.figure(answered),)
    return ActionResult("\n\n".join(part for part in parts if part), figures=shown, slots=kept)


def _is_drawn(answered: Answered) -> bool:
    return bool(answered.moves) if answered.asked.kind == "movers" else answered.items > 0


def _notes(asking: Asking) -> list[str]:
    request = asking.request
    notes = []
    if request.unknown:
        verb = "are" if len(request.unknown) > 1 else "is"
        notes.append(f"{inert(telling.listed(request.unknown))} {verb} not on the watch list.")
    if request.event:
        notes.append(f'I found no items on "{inert(request.event)}" to count from, so this is the usual period.')
    if request.historical and asking.first:
        notes.append(f"The newest item is of {telling.day_of(request.today)}, and periods count from there.")
    return [" ".join(notes)] if notes else []


_ANSWERS: dict[str, Callable[[Asking], ActionResult]] = {
    **{"index": _index, "compare": _index, "why": _why, "movers": _movers, "evidence": _evidence},
    **{"count": _count, "price": _price, "sector": _sector, "volatility": _volatility},
}
