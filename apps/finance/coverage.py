"""Which data there are, and how an answer is taken away."""

from __future__ import annotations

from agent.dialogue.actions import ActionContext, ActionResult, inert

from . import telling
from .answering import NO_DATA, opened, read
from .naming import find_names
from .queries import bounds

_MOST_SOURCES = 6


def told(context: ActionContext) -> ActionResult:
    """Companies, days, number of items and sources; of a company that is named, whether it is among them."""
    with opened(context) as desk:
        found = bounds(desk)
        if found is None:
            return ActionResult(NO_DATA)
        named = find_names(context.text, desk)
        [row] = desk.file.read("SELECT COUNT(*) AS items, COUNT(DISTINCT source) AS sources FROM items", [])
        sources = desk.file.read(
            "SELECT source FROM items GROUP BY source ORDER BY COUNT(*) DESC LIMIT ?", [_MOST_SOURCES]
        )
        parts = [
            f"{telling.counted(row['items'])}, from {telling.day_of(found[0])} to {telling.day_of(found[1])}, from "
            f"{row['sources']} sources; most come from {inert(telling.listed([s['source'] for s in sources]))}.",
            f"The watch list has {len(desk.companies)} companies: "
            f"{inert(telling.listed([f'{c.name} ({c.ticker})' for c in desk.companies.values()]))}.",
        ]
        if named.unknown:
            said = inert(telling.listed(named.unknown))
            parts.insert(0, f"{said} {'are' if len(named.unknown) > 1 else 'is'} not on the watch list.")
        elif named.tickers:
            known = telling.listed([desk.companies[ticker].name for ticker in named.tickers])
            parts.insert(0, f"Yes, {inert(known)} {'are' if len(named.tickers) > 1 else 'is'} on the watch list.")
        return ActionResult("\n\n".join(parts))


def exported(context: ActionContext) -> ActionResult:
    """Links to figures, items and picture of the last answer."""
    with opened(context) as desk:
        request = read(context, desk, "index")
        query = context.slots.get("query", "")
        if request is None:
            return ActionResult(NO_DATA)
        if not query:
            return ActionResult('Ask for something first, such as "voltara trend": each answer can be taken away.')
        at = f"/v1/{telling.NAME}/queries/{query}"
        return ActionResult(
            f"Of the last answer ({query}): [the figures]({at}/table.csv) and [the items behind them]({at}/items.csv) "
            f"as CSV, and [the chart]({at}/chart.png) as PNG. Excel opens CSV as it is."
        )
