"""An ingest as the terminal shows it: a bar while it lasts, and what became of it."""

from __future__ import annotations

from pathlib import Path

from agent.commands.options import out
from agent.progress import Bar

from .ingest import Ingester, Report

MOST_NAMED = 10
"""Tickers that are not on the watch list."""


def take(ingester: Ingester, path: Path, *, demo: bool = False) -> Report:
    size = path.stat().st_size
    with Bar(f"ingest {path.name}", "rows") as bar:
        # How many rows a file has is known once it has been read.
        report = ingester.take_file(path, lambda rows: bar.update(rows, max(rows, size // 150)), demo=demo)
        bar.update(report.ingest.rows, report.ingest.rows)
    return report


def say(report: Report) -> None:
    done = report.ingest
    line(f"{done.name}: {done.items} new items, {done.known} known already, {report.rejects} rejected.")
    if report.reject_file:
        line(f"Rejected rows with their reasons: {report.reject_file}")
    if report.unknown:
        named = ", ".join(f"{ticker} ({count})" for ticker, count in list(report.unknown.items())[:MOST_NAMED])
        line(f"Not on the watch list: {named}")


def line(text: str) -> None:
    """A line as it is: names of files and feeds are no markup."""
    out.print(text, highlight=False, markup=False, soft_wrap=True)
