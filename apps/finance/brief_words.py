"""What a brief says in both of its forms."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .brief import WEEKS, Brief, Row, signed
from .queries import Headline

HEADER = ("company", "index", "band", "before", "change", "items")
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")


def title(brief: Brief) -> str:
    return f"Sentiment brief, {brief.span.first} to {brief.span.last}"


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table, as HEADER names them."""
    now, move = row.now, row.move
    band = "" if now.low is None or now.high is None else f"{signed(now.low)} to {signed(now.high)}"
    value = "" if now.value is None else f"{signed(now.value)}"
    then, change = ("", "") if move is None else (f"{signed(move.before)}", f"{signed(move.change)}")
    return f"{row.name} ({row.ticker})", value, band, then, change, f"{now.n:,}"


def figures(brief: Brief) -> str:
    """Under the table."""
    text = f"Index from -1 to +1, with its band of uncertainty; before: {brief.before}. Bold: hardly chance."
    return f"{text} {brief.left_out} more companies with items are left out." if brief.left_out else text


def events(brief: Brief) -> Sequence[str]:
    """Level shifts and alerts in order of time, or that there were none."""
    marked = [
        (shift.day, f"{shift.day}: the level of {ticker} shifted from {signed(shift.before)} to {signed(shift.after)}.")
        for ticker, shift in brief.shifts
    ]
    marked += [(one.day, f"{one.day}: alert, {one}.") for one in brief.fired]
    return [text for _, text in sorted(marked)] or [
        f"No level shift was found in the last {WEEKS} weeks, and no alert fired in these days."
    ]


def evidence(headline: Headline) -> str:
    """Under a headline."""
    source = f", {headline.source}" if headline.source else ""
    return f"{headline.ticker} {signed(headline.score)}, {headline.published[:16].replace('T', ' ')} UTC{source}"


def provenance(brief: Brief) -> str:
    """Where the figures come from."""
    versions = f"version{'s' * (len(brief.versions) != 1)} {', '.join(brief.versions)}"
    return (
        f"{brief.items:,} items on {brief.companies} {'company' if brief.companies == 1 else 'companies'}, "
        f"{brief.span}, read by {versions} of the model. The rows behind the figures: query {brief.query}."
    )


def link_of(headline: Headline) -> str:
    """The item's address, else the first one in its text; empty without one. Of the web, never a script or a file."""
    if _ADDRESS.fullmatch(headline.url):
        return headline.url
    found = _ADDRESS.search(headline.text)
    return found.group() if found else ""
