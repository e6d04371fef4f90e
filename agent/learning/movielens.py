"""Reads the layouts that MovieLens ships: ``ratings.csv`` with ``movies.csv``, and ``u.data`` with ``u.item``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.types import Event, Item


@dataclass(frozen=True, slots=True)
class MovieLens:
    items: Sequence[Item]
    """``text`` is the title without its year and the genres; ``attributes``: ``genres`` (a tuple) and ``year``."""
    events: Sequence[Event]
    """Of kind ``rate``, in the file's order; ids are "<user>-<item>", items those of the files as text."""
    notices: Sequence[str]
    """A line for each row that could not be read, with file and line; such rows are left out."""


def read_movielens(folder: Path, app: str) -> MovieLens:
    """Raises BadInputError naming the files that either layout needs, if the folder holds neither, and the first row if
    none of a file can be read."""
    raise NotImplementedError
