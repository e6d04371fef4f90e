"""Where items come from and how much each source counts: ``sources.csv``, which the user edits."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.errors import BadInputError

DEFAULT_WEIGHT = 0.5
"""Of a source that has none."""


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    kind: str
    weight: float
    """0 to 1."""


def load_sources(path: Path) -> list[Source]:
    """Raises BadInputError naming file and line of what cannot be used."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"source", "weight"} <= set(reader.fieldnames or ()):
                raise BadInputError("sources", f"{path}: needed are the columns source, kind and weight.")
            return [_source(row, f"{path}:{reader.line_num}") for row in reader]
    except OSError as error:
        raise BadInputError("sources", f"The sources {path} cannot be read: {error.strerror}.") from error


def _source(row: Mapping[str, str | None], where: str) -> Source:
    name, weight = row["source"], row["weight"]
    try:
        number = float(weight or "")
    except ValueError:
        number = -1.0
    if not name or not 0 <= number <= 1:
        raise BadInputError("sources", f"{where}: a line needs a source and a weight between 0 and 1, not '{weight}'.")
    return Source(name.strip(), (row.get("kind") or "").strip(), number)
