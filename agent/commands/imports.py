"""``switchboard import ...``: catalogues and histories of elsewhere, for an app's recommendations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.options import AsJson, Config, Data, err, out, settings_of
from agent.errors import BadInputError, UnknownAppError

if TYPE_CHECKING:
    from agent.config import Settings
    from agent.imports import Imported
    from agent.types import Event, Item

group = typer.Typer(help="Take in catalogues and histories of elsewhere, for recommendations.", no_args_is_help=True)

SHOWN = 10
"""Rows that were not taken which are shown; ``--rejects`` writes all."""

App = Annotated[str | None, typer.Option("--app", help="Name of the app. [default: the only one with items]")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="OURS=THEIRS", help="Which column is what, such as title=Name; may be repeated."),
]
Alone = Annotated[
    bool, typer.Option("--replace", help="Take the place of what was imported before, instead of joining it.")
]
Rejects = Annotated[
    Path | None, typer.Option("--rejects", help="Where to write the rows that were not taken, each with its cause.")
]


@group.command("catalogue")
def import_catalogue(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Items, as CSV with a header or as JSON lines.")],
    events: Annotated[Path | None, typer.Option("--events", help="What users did with them, likewise.")] = None,
    app: App = None,
    column: Columns = None,
    alone: Alone = False,
    rejects: Rejects = None,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Import items, which then stand in the place of the app's own, and events; the same again changes nothing."""
    from agent.imports import Imported, file_events, file_items

    settings = settings_of(config, data=data)
    name, done = app_of(settings, app), Imported()
    items = file_items(file, _columns(column), done)
    _take_items(settings, name, items, alone, done)
    if events is not None:
        _take_events(settings, name, file_events(events, name, done), done, _lines(events))
    _report(done, rejects, as_json)


@group.command("events")
def import_events(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Events, as CSV with a header or as JSON lines.")],
    app: App = None,
    column: Columns = None,
    rejects: Rejects = None,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Import what users did with an app's items; events that are known by their ids change nothing."""
    from agent.imports import Imported, file_events

    settings = settings_of(config, data=data)
    name, done = app_of(settings, app), Imported()
    _take_events(settings, name, file_events(file, name, done, _columns(column)), done, _lines(file))
    _report(done, rejects, as_json)


@group.command("movielens")
def import_movielens(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with ratings.csv and movies.csv, or with u.data and u.item.")
    ],
    app: App = None,
    alone: Alone = False,
    rejects: Rejects = None,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Import films and ratings in a layout of MovieLens; the films then stand in the place of the app's own items."""
    from agent.event_rows import named_user
    from agent.imports import Imported
    from agent.learning.movielens import read_movielens

    settings = settings_of(config, data=data)
    name = app_of(settings, app)
    films = read_movielens(folder, name)
    done = Imported(rejects=[*films.notices])
    _take_items(settings, name, films.items, alone, done)
    ratings = (replace(event, user=named_user(event.user)) for event in films.events)
    _take_events(settings, name, ratings, done, len(films.events))
    _report(done, rejects, as_json)


def app_of(settings: Settings, name: str | None) -> str:
    """The app that was named, or the only one with items. Raises UnknownAppError, and BadInputError if there is not
    exactly one."""
    from agent.catalogue import imported_file, own_file
    from agent.domain import discover

    found = discover(settings.apps)
    if name is not None:
        if name not in found:
            raise UnknownAppError(name, list(found))
        return name
    having = [n for n, folder in found.items() if own_file(folder) or imported_file(settings.data, n).is_file()]
    if len(having) != 1:
        raise BadInputError("which_app", f"Name the app with --app. Available: {', '.join(sorted(found))}.")
    return having[0]


def _columns(given: Iterable[str] | None) -> dict[str, str]:
    """Ours -> theirs."""
    columns = {}
    for pair in given or ():
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise BadInputError("column", f"--column takes OURS=THEIRS, such as title=Name, not '{pair}'.")
        columns[ours] = theirs
    return columns


def _lines(file: Path) -> int:
    try:
        with file.open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError as error:
        raise BadInputError("file", f"Cannot read {file}: {error.strerror}.") from error


def _take_items(settings: Settings, app: str, items: Sequence[Item], alone: bool, done: Imported) -> None:
    from agent.imports import import_items
    from agent.model.backbone import Backbone
    from agent.progress import Bar

    backbone = Backbone.load(settings.backbone, settings.device)
    with Bar("items", "items") as bar:
        import_items(app, settings.data, backbone, items, done, alone=alone, progress=bar.update)


def _take_events(settings: Settings, app: str, events: Iterable[Event], done: Imported, total: int) -> None:
    from agent.catalogue import load_catalogue
    from agent.database import DataFile
    from agent.domain import discover
    from agent.imports import import_events
    from agent.progress import Bar

    catalogue = load_catalogue(app, discover(settings.apps)[app], settings.data)
    if catalogue is None:
        raise BadInputError("no_items", f"App '{app}' has no items yet. Import a catalogue first.")
    with closing(DataFile.open(settings.data)) as file, Bar("events", "events") as bar:
        import_events(file, events, catalogue.row, done, lambda read: bar.update(min(read, total), total))


def _report(done: Imported, rejects: Path | None, as_json: bool) -> None:
    if rejects is not None:
        try:
            rejects.write_text("".join(f"{reject}\n" for reject in done.rejects), encoding="utf-8")
        except OSError as error:
            raise BadInputError("file", f"Cannot write {rejects}: {error.strerror}. All else is done.") from error
    if as_json:
        print(json.dumps(asdict(done)))
        return
    if done.items:
        out.print(f"{done.items} items, {done.new_items} of them new.", highlight=False)
    out.print(f"{done.events} new events, {done.known_events} known ones.", highlight=False)
    for reject in done.rejects[:SHOWN]:
        err.print(f"not taken: {reject}", highlight=False, markup=False, soft_wrap=True)
    if len(done.rejects) > SHOWN:
        err.print(f"and {len(done.rejects) - SHOWN} more; --rejects FILE writes all of them.", highlight=False)
