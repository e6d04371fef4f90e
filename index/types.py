"""The plain data and the errors of the knowledge index.

    KnowledgeError          the index or a document cannot be used
    ├── DocumentError       a file cannot be read as a document (``path`` names it)
    └── IndexDamagedError   a stored index is damaged, or was made for another backbone (``folder`` names it)

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class KnowledgeError(Exception):
    """Base of the errors of this package."""


class DocumentError(KnowledgeError):
    """A file cannot be read as a document."""

    def __init__(self, path: Path, cause: str) -> None:
        shown = str(path) if str(path).isprintable() else ascii(str(path))
        super().__init__(f"{shown}: {cause}")
        self.path = path
        self.cause = cause


class IndexDamagedError(KnowledgeError):
    """A stored index is damaged, or does not belong to this backbone; it is to be built anew from the documents."""

    def __init__(self, folder: Path, cause: str) -> None:
        super().__init__(f"The index in {folder} cannot be used: {cause}.")
        self.folder = folder
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one heading, or one page of it."""

    heading_path: tuple[str, ...]
    """Headings from the outermost to the nearest; the document's title is not repeated in it."""
    page: int | None
    """Page number from 1; None where the format has no pages."""
    start: int
    """First character in the document's text; the heading's own line is not part of the section."""
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its parts. ``content_hash`` changes exactly if any passage of it would."""

    id: str
    source: str
    """File name relative to the knowledge folder, with forward slashes."""
    title: str
    content_hash: str
    metadata: Mapping[str, str]
    """Front matter of Markdown, or the further columns of a FAQ row."""
    sections: tuple[Section, ...]
    text: str = field(repr=False)
    """The whole text, without front matter; offsets count in it."""
    row: str = ""
    """Id or number of the FAQ row that the document was made of; "" for a file that is one document."""
    file_hash: str = ""
    """sha256 of the file as it was read, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document; what a reply cites."""

    id: str
    """``<document_id>#<n>``, n from 1."""
    document_id: str
    source: str
    title: str
    heading_path: tuple[str, ...]
    page: int | None
    start: int
    """First character in the document's text: ``document.text[start:end] == text``."""
    end: int
    text: str
