"""From a file or a feed to items: rows are read, cleaned, searched for companies, scored in batches and stored.

Memory holds one batch, whatever the size of the file. Knows nothing of models: it is given a function that scores.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from agent.database import DataFile

from . import items
from .columns import Columns, Entry, RowError
from .items import Ingest, Reading, Reject, Scored, Verdict
from .mentions import Finder
from .readers import CutShortError, Row, read_rows, sha256_of
from .times import Clock, TimeError
from .windows import Passage, passages

Score = Callable[[Sequence[str]], Sequence[Reading]]
AT_ONCE = 32
"""Most texts of one call of a Score."""
BATCH = 256
"""Rows of one transaction."""
REJECTED_CHARACTERS = 500
"""Most of a rejected row that is kept."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file."""

    ingest: Ingest
    rejects: int
    reject_file: Path | None
    unknown: Mapping[str, int] = field(default_factory=dict)
    """Tickers that the file names and the watch list has not, with how many rows name them."""


@dataclass(frozen=True, slots=True)
class Ingester:
    """Takes in files and feeds for one watch list."""

    file: DataFile
    finder: Finder
    tickers: frozenset[str]
    """Those of the watch list."""
    score: Score
    clock: Clock
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns that the user named, by field."""
    after: Callable[[], object] = lambda: None
    """Called at the end of each ingest, whatever it brought."""

    def take_file(
        self, path: Path, progress: Callable[[int], None] = lambda rows: None, *, demo: bool = False
    ) -> Report:
        """Read a file to its end, from where an earlier ingest of it stopped; ``progress`` hears of the rows read.
        ``demo`` says that it is the app's own stream, which makes room for items of the user's.

        The same file again adds nothing. Raises BadInputError if the file has no usable columns or is of no known
        kind; CutShortError, after what could be read was kept, if it ends too early.
        """
        ingest = items.begin(self.file, path.name, sha256_of(path), demo=demo)
        unknown: Counter[str] = Counter()
        if not ingest.done:
            rows = enumerate(read_rows(path), 1)
            try:
                ingest = self._take(ingest, islice(rows, ingest.rows, None), unknown, progress)
            except CutShortError as error:
                items.finish(self.file, ingest, str(error))
                self.after()
                raise
            ingest = items.finish(self.file, ingest)
        self.after()
        return self._report(ingest, unknown)

    def take_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> Report:
        """Take in rows that came by another way than a file, such as a feed or a request."""
        content = json.dumps(rows, sort_keys=True, default=str).encode()
        ingest = items.begin(self.file, name, hashlib.sha256(content).hexdigest())
        unknown: Counter[str] = Counter()
        if not ingest.done and rows:
            ingest = self._take(ingest, enumerate(rows, 1), unknown, lambda done: None)
        ingest = items.finish(self.file, ingest)
        self.after()
        return self._report(ingest, unknown)

    def _take(
        self, ingest: Ingest, rows: Iterator[tuple[int, Row]], unknown: Counter[str], progress: Callable[[int], None]
    ) -> Ingest:
        columns: Columns | None = None
        while True:
            batch, cut_short = _next_batch(rows)
            entries: list[Entry] = []
            rejects: list[Reject] = []
            for number, row in batch:
                if columns is None and not isinstance(row, str):
                    columns = Columns.find(row, self.columns)
                try:
                    if columns is None or isinstance(row, str):
                        raise RowError(row)
                    entries.append(columns.entry(row, self.clock))
                except (RowError, TimeError) as error:
                    rejects.append(Reject(number, str(error), _content(row)))
            for entry in entries:
                unknown.update(set(entry.tickers) - self.tickers)
            if batch:
                ingest = items.add(self.file, ingest, batch[-1][0], self._scored(entries), rejects)
                progress(ingest.rows)
            if cut_short is not None:
                raise cut_short
            if len(batch) < BATCH or ingest.done:
                return ingest

    def _scored(self, entries: Sequence[Entry]) -> list[Scored]:
        of = [self._passages(entry) for entry in entries]
        known = read_all(self.score, {passage.reads for own in of for passage in own})
        return [
            Scored(entry, tuple(Verdict(p.ticker, p.words, p.reads, known[p.reads]) for p in own))
            for entry, own in zip(entries, of, strict=True)
        ]

    def _passages(self, entry: Entry) -> list[Passage]:
        given = [ticker for ticker in entry.tickers if ticker in self.tickers]
        return passages(entry.text, self.finder.find(entry.text, given), given)

    def _report(self, ingest: Ingest, unknown: Counter[str]) -> Report:
        path = self.file.folder / "rejects" / f"{ingest.id}-{Path(ingest.name).stem}.csv"
        rejects = items.write_rejects(self.file, ingest, path)
        return Report(ingest, rejects, path if rejects else None, dict(unknown.most_common()))


def read_all(score: Score, texts: Collection[str]) -> dict[str, Reading]:
    """What the model reads in each of the texts, which are all different."""
    # Texts of one length side by side: little of a batch is padding then.
    ordered = sorted(texts, key=len)
    batches = [ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE)]
    return {text: reading for batch in batches for text, reading in zip(batch, score(batch), strict=True)}


def _next_batch(rows: Iterator[tuple[int, Row]]) -> tuple[list[tuple[int, Row]], CutShortError | None]:
    """The next BATCH rows, or fewer at the end; with the error that came after them."""
    batch: list[tuple[int, Row]] = []
    # One by one: what came before the error stays.
    try:
        for row in islice(rows, BATCH):
            batch.append(row)
    except CutShortError as error:
        return batch, error
    return batch, None


def _content(row: Row) -> str:
    return (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False, default=str))[:REJECTED_CHARACTERS]
