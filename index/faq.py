"""Questions with answers: CSV or JSON lines, one document a row. The question is the title, the answer the text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from io import StringIO

from index.reading import Parts, UnreadableError, clean, decode
from index.types import Section

_NEEDED = ("question", "answer")


def read_csv(data: bytes) -> list[Parts]:
    """Rows of a CSV file with a header (question, answer, optionally id and more); comma, semicolon or tab.

    Raises UnreadableError naming the line of the first bad row.
    """
    text = decode(data)
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(StringIO(text), delimiter=delimiter, strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            raise UnreadableError(f"has no column '{missing[0]}'; its columns are: {', '.join(names) or 'none'}")
        return _documents(_csv_rows(reader, names))
    except csv.Error as error:
        raise UnreadableError(f"line {reader.line_num}: {error}") from error


def _csv_rows(reader: Iterator[list[str]], names: list[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    for cells in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            raise UnreadableError(f"line {line}: {len(cells)} cells where the header has {len(names)}")
        yield line, dict(zip(names, cells, strict=True))


def read_jsonl(data: bytes) -> list[Parts]:
    """Lines ``{"question": ..., "answer": ..., "id": ...}``; further keys are metadata.

    Raises UnreadableError naming the first bad line.
    """
    return _documents(_json_rows(decode(data)))


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except (json.JSONDecodeError, RecursionError) as error:
            raise UnreadableError(f"line {line}: {error}") from error
        if not isinstance(row, dict):
            raise UnreadableError(f"line {line}: a JSON object is needed, with question and answer")
        yield line, row


def _documents(rows: Iterator[tuple[int, Mapping[str, object]]]) -> list[Parts]:
    found: dict[str, Parts] = {}
    for line, row in rows:
        cells: dict[str, str] = {}
        for name, value in row.items():
            if not isinstance(value, str | int | float | None):
                raise UnreadableError(f"line {line}: '{name}' is neither a text nor a number")
            cells[name] = "" if value is None else clean(str(value)).strip()
        for name in _NEEDED:
            if not cells.get(name):
                raise UnreadableError(f"line {line}: no {name}")
        row_id = cells.pop("id", "") or str(len(found) + 1)
        if row_id in found:
            raise UnreadableError(f"line {line}: the id '{row_id}' is taken by an earlier row")
        title, text = " ".join(cells.pop("question").split()), cells.pop("answer")
        metadata = {name: value for name, value in cells.items() if value}
        found[row_id] = Parts(text, [Section((), None, 0, len(text))], title, metadata, row_id)
    return list(found.values())
