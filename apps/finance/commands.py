"""``switchboard finance ...``: items in, from files and feeds."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from agent.commands.options import Config, Data, out, settings_of
from agent.errors import BadInputError
from agent.progress import Bar
from agent.teach import serve_champion

from . import alarm, alert_commands, demo_stream, feeds
from . import rescore as rescoring
from .ingest import Ingester, Report
from .setup import NAME, Desk, clock_of, score_by

group = typer.Typer(no_args_is_help=True, help="Sentiment of companies from a stream of news.")


group.add_typer(alert_commands.group, name="alert")
group.command()(alert_commands.alerts)


@group.callback()
def main() -> None:
    """Sentiment of companies from a stream of news."""


@group.command()
def ingest(
    places: Annotated[list[str], typer.Argument(metavar="PLACE...", help="Files, folders, or addresses of feeds.")],
    zone: Annotated[str, typer.Option(help="Time zone of times that name none.")] = "UTC",
    day_first: Annotated[
        bool | None, typer.Option("--day-first/--month-first", help="What 03/04/2026 means. [default: it is refused]")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=NAME", help="Where a field stands, such as text=Headline.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take in items; an ingest that was stopped goes on where it was, and nothing counts twice."""
    settings = settings_of(config, data=data)
    columns = dict(_field(given) for given in column or [])
    model = serve_champion(settings, NAME)
    desk = Desk.open(settings.data)
    with closing(desk.file):
        ingester = desk.ingester(score_by(model.predict), clock_of(zone, day_first), columns)
        for place in places:
            if place.startswith(("http://", "https://")):
                rows = feeds.read_feed(feeds.fetch(place, local=True), place)
                _say(ingester.take_rows(place, rows))
                continue
            for path in _files(Path(place)):
                _say(_take(ingester, path))
        alarm.deliver(desk, settings.alert_webhook)


@group.command()
def demo(
    remove: Annotated[bool, typer.Option("--remove", help="Remove it, and nothing else.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take in the demo stream of twelve invented companies, beside items of your own if there are any."""
    settings = settings_of(config, data=data)
    desk = Desk.open(settings.data)
    with closing(desk.file):
        if remove:
            out.print(f"{demo_stream.send_away(desk.file)} items of the demo stream were removed.", highlight=False)
            return
        model = load_champion(settings, NAME)
        demo_stream.invite(desk.file)
        _say(_take(desk.ingester(score_by(model.predict), clock_of()), demo_stream.ITEMS, demo=True))


@group.command()
def rescore(data: Data = None, config: Config = None) -> None:
    """Score all items anew that another version of the model scored. A running service does so by itself; what was
    stopped goes on where it was."""
    settings = settings_of(config, data=data)
    model = load_champion(settings, NAME)
    desk = Desk.open(settings.data)
    with closing(desk.file), Bar("rescore", "passages") as bar:
        stale = rescoring.waiting(desk.file, model.version)
        done = rescoring.rescore(
            desk.file, score_by(model.predict), model.version, lambda count: bar.update(count, max(count, stale))
        )
    out.print(f"{done} passages were scored anew by version {model.version}.", highlight=False, soft_wrap=True)


def _take(ingester: Ingester, path: Path, *, demo: bool = False) -> Report:
    size = path.stat().st_size
    with Bar(f"ingest {path.name}", "rows") as bar:
        # How many rows a file has is known once it has been read.
        report = ingester.take_file(path, lambda rows: bar.update(rows, max(rows, size // 150)), demo=demo)
        bar.update(report.ingest.rows, report.ingest.rows)
    return report


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise BadInputError("no_file", f"There is no file or folder {path}.")
    return sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]


def _field(given: str) -> tuple[str, str]:
    name, separator, column = given.partition("=")
    if not separator:
        raise BadInputError("column", f"'{given}' names no column. Write it as text=Headline.")
    return name, column


def _say(report: Report) -> None:
    done = report.ingest
    out.print(
        f"{done.name}: {done.items} new items, {done.known} known already, {report.rejects} rejected.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if report.reject_file:
        out.print(f"Rejected rows with their reasons: {report.reject_file}", highlight=False, soft_wrap=True)
    if report.unknown:
        named = ", ".join(f"{ticker} ({count})" for ticker, count in list(report.unknown.items())[:10])
        out.print(f"Not on the watch list: {named}", highlight=False, markup=False, soft_wrap=True)
