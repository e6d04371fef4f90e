"""Rows of a file, one after the other: CSV, JSON lines (both may be gzipped) and Parquet. Never a file as a whole."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from agent.errors import BadInputError

Row = Mapping[str, Any] | str
"""Values by column; or the reason why a row cannot be read."""
LONGEST_CELL = csv.field_size_limit()
"""Characters; a quote that is never closed ends there. Not raised: the limit is one for the whole process."""
LONGEST_LINE = 4_000_000
"""Bytes; what is longer is taken as several lines."""
KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_BLOCK = 1 << 20


class CutShortError(BadInputError):
    """The file ends before its end; the rows before that were given."""

    def __init__(self, path: Path, cause: Exception) -> None:
        super().__init__(
            "cut_short",
            f"{path.name} is cut short or damaged ({cause}). What could be read before that was kept; "
            "load the whole file and only the rest is added.",
        )


def sha256_of(path: Path) -> str:
    """Raises BadInputError if the file cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise BadInputError("no_file", f"{path} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()


def kind_of(path: Path) -> str:
    """One of KINDS. Raises BadInputError naming them."""
    suffixes = [suffix.casefold() for suffix in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    if kind not in KINDS:
        raise BadInputError(
            "unknown_format",
            f"{path.name} is of no known kind. They end in {', '.join(KINDS)}; but for Parquet also with .gz.",
        )
    return kind


def read_rows(path: Path) -> Iterator[Row]:
    """The rows in order. Raises BadInputError if the file is of no known kind or cannot be read, CutShortError if a
    compressed file ends too early."""
    kind = kind_of(path)
    try:
        if kind == ".parquet":
            yield from _parquet(path)
            return
        with gzip.open(path, "rb") if path.suffix.casefold() == ".gz" else path.open("rb") as file:
            yield from _csv_rows(file) if kind in (".csv", ".tsv") else _json_rows(file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CutShortError(path, error) from error
    except OSError as error:
        raise BadInputError("no_file", f"{path} cannot be read: {error.strerror}.") from error


def _lines(file: IO[bytes]) -> Iterator[str]:
    """UTF-8, with or without its mark; a line that is none is Windows' Latin, of which Latin-1 is a part."""
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b"")):
        try:
            yield line.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError:
            # The five bytes that Windows leaves without a meaning.
            yield line.decode("cp1252", errors="replace")


def _csv_rows(file: IO[bytes]) -> Iterator[Row]:
    lines = _lines(file)
    head = next(lines, "")
    reader = csv.reader(lines, delimiter=max(",;\t|", key=head.count))
    names = next(csv.reader([head], delimiter=max(",;\t|", key=head.count)), [])
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"no CSV: {error}"
            continue
        if not cells:
            continue
        if len(cells) > len(names):
            yield f"{len(cells)} cells under {len(names)} columns"
            continue
        yield dict(zip(names, cells, strict=False))


def _json_rows(file: IO[bytes]) -> Iterator[Row]:
    for line in _lines(file):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            yield f"no JSON: {error}"
            continue
        yield row if isinstance(row, dict) else "no JSON object"


def _parquet(path: Path) -> Iterator[Row]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BadInputError(
            "no_parquet", "Parquet files need pyarrow. Install it: pip install 'switchboard-agent[parquet]'"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(1024):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise CutShortError(path, error) from error
