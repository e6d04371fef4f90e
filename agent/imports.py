"""Catalogues and events of elsewhere, taken into the data folder: what cannot be taken is named, the rest is kept.

An import may be stopped and run again: items count by their ids, events by theirs, vectors by their texts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from agent.apps import Advance, open_items
from agent.catalogue import Catalogue, imported_file
from agent.database import DataFile
from agent.errors import BadInputError
from agent.event_rows import COLUMNS, event_of, named_user
from agent.events import EventBook
from agent.items import item_of, read_items
from agent.model.backbone import Backbone
from agent.model.storage import replace_file
from agent.tables import Reject, read_rows, renamed
from agent.types import Event, Item

AT_ONCE = 1000
"""Events that are kept in one step."""


@dataclass(slots=True)
class Imported:
    """What an import did."""

    items: int = 0
    """In the app's imported catalogue now."""
    new_items: int = 0
    events: int = 0
    """That were new."""
    known_events: int = 0
    rejects: list[str] = field(default_factory=list)
    """Each row that was not taken: ``file:line: cause``."""


def import_items(
    app: str,
    data: Path,
    backbone: Backbone,
    items: Sequence[Item],
    done: Imported,
    *,
    alone: bool = False,
    progress: Advance | None = None,
) -> None:
    """Take items into the app's imported catalogue, beside those that are in it or, with ``alone``, in their place;
    what was done is counted in ``done``. They are checked as those of a file are.

    Raises BadInputError if there is none, DomainError if what was imported before cannot be read.
    """
    taken: dict[str, Item] = {}
    for item in items:
        try:
            taken[item.id] = item_of(_cells(item))
        except ValueError as error:
            done.rejects.append(f"item '{item.id}': {error}")
    if not taken:
        causes = "".join(f"\n{cause}" for cause in done.rejects[:5])
        raise BadInputError("empty_catalogue", f"There is no item to import; nothing was changed.{causes}")
    path = imported_file(data, app)
    before = {} if alone or not path.is_file() else {item.id: item for item in read_items(path)[0]}
    now = before | taken
    # The vectors first: a service that takes up the catalogue then has nothing left to embed.
    open_items(app, Catalogue([*now.values()]), data, backbone, progress)
    lines = [json.dumps(_cells(item), ensure_ascii=False) + "\n" for item in now.values()]
    replace_file(path, "".join(lines).encode())
    done.items, done.new_items = len(now), len(now.keys() - before.keys())


def _cells(item: Item) -> dict[str, object]:
    own = {name: getattr(item, name) for name in ("id", "title", "text", "price", "image", "url")}
    return own | dict(item.attributes)


def file_items(path: Path, columns: Mapping[str, str], done: Imported) -> list[Item]:
    """The items of a file; rows that are none go to ``done.rejects``. Raises BadInputError if it cannot be read."""
    items, rejects = read_items(path, columns)
    done.rejects += [_named(path, reject) for reject in rejects]
    return items


def file_events(path: Path, app: str, done: Imported, columns: Mapping[str, str] | None = None) -> Iterator[Event]:
    """The events of a file, whose users are named as programs name them; rows that are none go to ``done.rejects``.
    Raises BadInputError if it cannot be read."""
    for row in read_rows(path):
        if isinstance(row, Reject):
            done.rejects.append(_named(path, row))
            continue
        try:
            event = event_of(renamed(row.cells, columns or {}, COLUMNS), app)
        except BadInputError as error:
            done.rejects.append(_named(path, Reject(row.line, str(error))))
        else:
            yield replace(event, user=named_user(event.user))


def import_events(
    file: DataFile,
    events: Iterable[Event],
    known: Container[str],
    done: Imported,
    progress: Callable[[int], None] = lambda read: None,
) -> None:
    """Keep the events with ``known`` items; others are counted by item in ``done.rejects``. ``progress`` is told how
    many were read."""
    book = EventBook(file)
    unknown: Counter[str] = Counter()
    left, read = iter(events), 0
    while batch := list(islice(left, AT_ONCE)):
        kept = [event for event in batch if event.item in known]
        unknown.update(event.item for event in batch if event.item not in known)
        added = book.add(kept)
        done.events += added
        done.known_events += len(kept) - added
        read += len(batch)
        progress(read)
    done.rejects += [f"{n} events of item '{item}', which the catalogue has not" for item, n in unknown.items()]


def _named(path: Path, reject: Reject) -> str:
    return f"{path.name}:{reject.line}: {reject.cause}"
