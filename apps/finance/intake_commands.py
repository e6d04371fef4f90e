"""``switchboard finance ingest``, ``watch`` and ``import-stocknet``: items in, from files and feeds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.options import Config, Data, seconds, settings_of
from agent.errors import BadInputError
from agent.teach import serve_champion

from . import alarm, stocknet
from .ingest import Ingester
from .setup import NAME, Desk, clock_of, score_by
from .terminal import line, say, take
from .watch import Watcher, feed_rows, is_feed

if TYPE_CHECKING:
    from agent.config import Settings

Places = Annotated[list[str], typer.Argument(metavar="PLACE...", help="Files, folders, or addresses of feeds.")]
Zone = Annotated[str, typer.Option(help="Time zone of times that name none.")]
DayFirst = Annotated[
    bool | None, typer.Option("--day-first/--month-first", help="What 03/04/2026 means. [default: it is refused]")
]
Column = Annotated[
    list[str] | None, typer.Option(metavar="FIELD=NAME", help="Where a field stands, such as text=Headline.")
]


def ingest(
    places: Places,
    zone: Zone = "UTC",
    day_first: DayFirst = None,
    column: Column = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take in items; an ingest that was stopped goes on where it was, and nothing counts twice."""
    with _taking(settings_of(config, data=data), zone, day_first, column) as (ingester, tell):
        for place in places:
            if is_feed(place):
                say(ingester.take_rows(place, feed_rows(place)))
                continue
            for path in _files(Path(place)):
                say(take(ingester, path))
        tell()


def watch(
    places: Places,
    every: Annotated[str, typer.Option(help="Time between two looks.")] = "5m",
    zone: Zone = "UTC",
    day_first: DayFirst = None,
    column: Column = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take in new files and new entries of feeds as they come, until Ctrl-C."""
    pause = seconds(every, "--every")
    _check(places)
    with _taking(settings_of(config, data=data), zone, day_first, column) as (ingester, tell):
        watcher = Watcher(ingester, places, say, line, take)
        # A service manager ends it as Ctrl-C does.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        line(f"Watching {', '.join(places)}. Ctrl-C ends.")
        try:
            watcher.run(pause, threading.Event(), tell)
        except KeyboardInterrupt:
            line("Stopped. A file that was under way goes on from there next time.")
        finally:
            signal.signal(signal.SIGTERM, before)


def import_stocknet(
    folder: Annotated[Path, typer.Argument(help="Holds stocks.csv, prices.csv and tweets.csv.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Import the layout of the StockNet data set: companies onto the watch list, prices, and tweets as items."""
    settings = settings_of(config, data=data)
    new, tweets = stocknet.bring(folder, settings.data)
    line(f"{new} new companies on the watch list.")
    with _taking(settings, "UTC", None, None) as (ingester, tell):
        say(take(ingester, tweets))
        tell()


@contextmanager
def _taking(
    settings: Settings, zone: str, day_first: bool | None, column: Sequence[str] | None
) -> Iterator[tuple[Ingester, Callable[[], None]]]:
    """What takes items in by the app's model, and what tells the webhook of the alerts that come of it."""
    columns = dict(_field(given) for given in column or [])
    model = serve_champion(settings, NAME)
    desk = Desk.open(settings.data)
    with closing(desk.file):
        ingester = desk.ingester(score_by(model.predict), clock_of(zone, day_first), columns)
        yield ingester, lambda: alarm.deliver(desk, settings.alert_webhook)


def _check(places: Sequence[str]) -> None:
    for place in places:
        if not is_feed(place):
            _files(Path(place))


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise BadInputError("no_file", f"There is no file or folder {path}.")
    return sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]


def _field(given: str) -> tuple[str, str]:
    name, separator, column = given.partition("=")
    if not separator:
        raise BadInputError("column", f"'{given}' names no column. Write it as text=Headline.")
    return name, column
