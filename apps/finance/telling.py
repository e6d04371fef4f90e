"""An answer in words: Markdown for the chat, with the figures, the headlines behind them, the period and the count.

Whatever comes from an item goes through ``inert``. Says what texts say, never what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from urllib.parse import quote

from agent.dialogue.actions import inert
from agent.types import Figure

from .har import sentence
from .queries import Answered, Headline, Volatility
from .trend import Move, Point

NAME = "finance"
SHOWN = 4
"""Headlines in a message."""
_IN_ADDRESS = "/:?#[]@!$&'*+,;=%~"
_TITLES = {
    "index": "Sentiment of {names}",
    "compare": "Sentiment of {names}",
    "evidence": "Sentiment of {names}",
    "count": "Items on {names}",
    "sector": "Sentiment by sector",
    "movers": "Change of sentiment",
    "price": "Sentiment and closing price of {names}",
    "volatility": "Volatility of {names} and its forecasts",
}


def figure(answered: Answered) -> Figure:
    """The answer's chart, with where its picture and its figures are."""
    names = list(answered.series)
    if answered.volatility is not None:
        names = list(answered.volatility.forecasts)[:1]
    said = listed(names) if len(names) <= 4 else f"{len(names)} companies"
    at = f"/v1/{NAME}/queries/{answered.id}"
    asked = answered.asked
    note = f"{span_of(asked.since, asked.until)}, {counted(answered.items)}. No investment advice."
    if answered.volatility is not None:
        note = "Forecasts out of sample, one session ahead. No investment advice."
    return Figure(_TITLES[asked.kind].format(names=said), f"{at}/chart.svg", f"{at}/chart.png", f"{at}/table.csv", note)


def index_text(answered: Answered) -> str:
    """One company or one sector: where it stands, from where it came, what changed its level."""
    [(name, whole)] = answered.whole.items()
    points = [point for point in answered.series[name] if point.value is not None]
    stands = f"the index is **{value(whole)}**{_band(whole)} over the whole period."
    parts = [f"**{inert(name)}**, {_span(answered)}: {stands}"]
    move = next((move for move in answered.moves if move.name == name), None)
    if move is not None:
        parts.append(f"{_change(move)} from the period of the same length before.")
    if len(points) > 1:
        high = max(points, key=lambda point: point.value or 0.0)
        low = min(points, key=lambda point: point.value or 0.0)
        parts.append(
            f"By {answered.asked.granularity} it was highest with {value(high)} ({span_of(*_days(high))}) and lowest "
            f"with {value(low)} ({span_of(*_days(low))}); the latest is {value(points[-1])}."
        )
    parts += [
        f"A lasting shift from {shift.before:+.2f} to {shift.after:+.2f} began on {day_of(shift.day)}."
        for shift in answered.shifts[name]
    ]
    return " ".join(parts)


def compare_text(answered: Answered) -> str:
    """Several companies or sectors, the friendliest first, as a table."""
    found = [(name, whole) for name, whole in answered.whole.items() if whole.value is not None]
    found.sort(key=lambda pair: -(pair[1].value or 0.0))
    changes = {move.name: move for move in answered.moves}
    rows = ["| | index | band | change | items |", "|---|---|---|---|---|"]
    for name, whole in found:
        band = f"{whole.low:+.2f} to {whole.high:+.2f}" if whole.low is not None else "too few items"
        change = f"{changes[name].change:+.2f}" if name in changes else "none before"
        rows.append(f"| {inert(name)} | {value(whole)} | {band} | {change} | {whole.n} |")
    silent = [name for name in answered.whole if answered.whole[name].value is None]
    first = f"{_span(answered)}: {_lead(found)}"
    last = f"No items in this period: {inert(listed(silent))}." if silent else ""
    return "\n\n".join(part for part in (first, "\n".join(rows), last) if part)


def movers_text(answered: Answered) -> str:
    """Who moved, from the period before to this one."""
    clear = [move for move in answered.moves if move.clear]
    if not answered.moves:
        return f"{_span(answered)}: nobody has items both in this period and in the one before, so nothing has moved."
    rows = [
        f"- {inert(move.name)}: {move.change:+.2f}, from {move.before:+.2f} to {move.after:+.2f} "
        f"({counted(move.n_after)}){'' if move.clear else ', may be chance'}"
        for move in answered.moves[:6]
    ]
    said = f"{len(clear)} of them beyond what chance would do" if clear else "none of them beyond what chance would do"
    return f"{_span(answered)}, against as many days before: the biggest moves, {said}.\n\n" + "\n".join(rows)


def count_text(answered: Answered) -> str:
    """How much was written."""
    rows = [
        f"**{inert(name)}**: {counted(whole.n)}, {whole.stories} of them original and not a repost"
        for name, whole in answered.whole.items()
    ]
    return f"{_span(answered)}. " + "; ".join(rows) + "."


def price_text(answered: Answered) -> str:
    """Closing prices at both ends of the period."""
    parts = []
    for name, prices in answered.prices.items():
        held = [
            (day, float(close))
            for day, close in zip(prices.days, prices.adjusted, strict=True)
            if answered.asked.since <= day <= answered.asked.until and close == close
        ]
        if not held:
            parts.append(f"There are no prices of {inert(name)} in this period.")
            continue
        (first, began), (last, ended) = held[0], held[-1]
        parts.append(
            f"**{inert(name)}** closed at **{ended:.2f}** on {day_of(last)}, {100 * (ended / began - 1):+.1f} % from "
            f"{began:.2f} on {day_of(first)}; between {min(c for _, c in held):.2f} and {max(c for _, c in held):.2f}."
        )
    return " ".join(parts) or "There are no prices of these; a file prices.csv in the app's data folder brings them."


def volatility_text(found: Volatility) -> str:
    """Whether sentiment helped to forecast volatility, in the plain sentence that follows from the test."""
    if not found.results:
        return " ".join(map(inert, found.skipped.values())) or "There are no prices to test this on."
    pooled = found.results[-1]
    parts = [f"**{sentence(pooled)}**"]
    if len(found.results) > 1:
        helped = [result.name for result in found.results[:-1] if result.p < 0.05 and result.dm > 0]
        alone = f"by themselves: {listed(helped)}" if helped else "for none by itself"
        parts.append(f"Of {len(found.results) - 1} companies it helped {inert(alone)}.")
    parts.append(
        "HAR forecasts the volatility of the next session from that of the last day, week and month; the other model "
        "also knows level, dispersion and number of the items of the day before. A negative R2 is worse than the mean."
    )
    if found.skipped:
        parts.append(f"Left out: {inert(listed(list(found.skipped)))}, with too few prices.")
    return " ".join(parts)


def headlines_text(headlines: Sequence[Headline], title: str, most: int = SHOWN) -> str:
    """The headlines as a list, each with its source, linked where the item has an address; empty without any."""
    rows = [f"- {_headline(one)}" for one in headlines[:most]]
    return f"{title}\n\n" + "\n".join(rows) if rows else ""


def trace_text(answered: Answered) -> str:
    """How the figures can be traced to rows."""
    at = f"/v1/{NAME}/queries/{answered.id}"
    if answered.volatility is not None:
        return f"Query {answered.id}: [the test of each company]({at}/table.csv)."
    return f"Query {answered.id}: [the {counted(answered.items)} behind it]({at}/items.csv)."


def value(point: Point) -> str:
    return "none" if point.value is None else f"{point.value:+.2f}"


def counted(number: int) -> str:
    return f"{number:,} item{'s' * (number != 1)}"


def listed(names: Sequence[str]) -> str:
    """ "A, B and C"."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else ""


def day_of(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def span_of(since: date, until: date) -> str:
    """Both days, with month and year once where they are the same."""
    if since == until:
        return day_of(since)
    first = f"{since.day} {since:%B}" if since.year == until.year else day_of(since)
    if (since.year, since.month) == (until.year, until.month):
        first = str(since.day)
    return f"{first} to {day_of(until)}"


def _span(answered: Answered) -> str:
    said = span_of(answered.asked.since, answered.asked.until)
    return f"{said} ({counted(answered.items)})"


def _band(point: Point) -> str:
    return f" ({point.low:+.2f} to {point.high:+.2f})" if point.low is not None else ""


def _days(point: Point) -> tuple[date, date]:
    return point.period.first, point.period.last


def _change(move: Move) -> str:
    way = "up" if move.change > 0 else "down"
    sure = "" if move.clear else ", which may be chance,"
    return f"That is {way} {abs(move.change):.2f}{sure}"


def _lead(found: Sequence[tuple[str, Point]]) -> str:
    """Who is ahead, and whether the bands leave that open."""
    if not found:
        return "nobody has items."
    if len(found) == 1:
        return f"only {inert(found[0][0])} has items."
    (first, best), (_, second) = found[0], found[1]
    apart = best.low is not None and second.high is not None and best.low > second.high
    return f"{inert(first)} is spoken of most kindly" + ("." if apart else ", but the bands overlap.")


def _headline(one: Headline) -> str:
    text = inert(one.text[:200])
    if one.url.startswith(("https://", "http://")):
        # Brackets and spaces would end the address in Markdown.
        text = f"[{text}]({quote(one.url, safe=_IN_ADDRESS)})"
    day = day_of(datetime.fromisoformat(one.published).date())
    source = f"{inert(one.source)}, " if one.source else ""
    return f"{text} ({source}{day}; {one.score:+.2f})"
