"""``switchboard finance index``, ``movers`` and ``query``: the figures of the API in the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from agent.commands.options import AsJson, Config, Data, out, settings_of

from .asking import asked_of, to_dict
from .periods import Granularity
from .queries import Answered, ask, recall
from .setup import Desk
from .tables import csv_text
from .terminal import line

Since = Annotated[str | None, typer.Option(help="2014-05-17, 2014-05 or 2014.")]
Until = Annotated[str | None, typer.Option(help="Likewise, included. [default: the newest item]")]
AsCsv = Annotated[bool, typer.Option("--csv", help="As CSV.")]


def index(
    companies: Annotated[
        list[str] | None, typer.Argument(metavar="[COMPANY]...", help="Tickers or names. [default: the watch list]")
    ] = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[Granularity, typer.Option(help="The step.")] = "week",
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Print the index of companies by period, with its band and the items behind each point."""
    _print(
        lambda desk: ask(desk, asked_of(desk, "compare", companies or (), since, until, by)),
        as_csv,
        as_json,
        data,
        config,
    )


def movers(
    since: Since = None,
    until: Until = None,
    top: Annotated[int, typer.Option(min=1, help="Most companies.")] = 10,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Print whose index changed the most against as many days before; the last week by default."""
    _print(
        lambda desk: ask(desk, asked_of(desk, "movers", (), since, until, top=top, usual=timedelta(days=6))),
        as_csv,
        as_json,
        data,
        config,
    )


def query(
    query_id: Annotated[str, typer.Argument(metavar="ID", help="Of an answer: q-...")],
    items: Annotated[bool, typer.Option("--items", help="The items behind its figures.")] = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Print an answer of the chat, the page or the API again, or the items behind it."""
    _print(lambda desk: recall(desk, query_id), as_csv, as_json, data, config, items=items)


def _print(
    answer: Callable[[Desk], Answered],
    as_csv: bool,
    as_json: bool,
    data: Data,
    config: Config,
    *,
    items: bool = False,
) -> None:
    desk = Desk.open(settings_of(config, data=data).data)
    with closing(desk.file):
        answered = answer(desk)
        header, rows = answered.items_table() if items else answered.table()
        found = to_dict(answered)
    if as_json:
        print(json.dumps([dict(zip(header, row, strict=True)) for row in rows] if items else found, default=str))
    elif as_csv:
        sys.stdout.write(csv_text(header, rows))
    else:
        table = Table(*header)
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        if answered.empty:
            line(answered.empty)
        else:
            out.print(table)
        line(f"Query {answered.id}, {answered.items} items. No investment advice.")
