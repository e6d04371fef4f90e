"""Files to documents: Markdown, HTML, text, PDF, and questions with answers in CSV or JSON lines.

What a format means stands in the module of its name; here are ids, hashes, and what to do with a broken file.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath

from index.faq import read_csv, read_jsonl
from index.html import read_html
from index.markdown import read_markdown
from index.pdf import read_pdf
from index.reading import Parts, UnreadableError, decode, trimmed
from index.types import Document, DocumentError, IndexDamagedError, KnowledgeError, Passage, Section

__all__ = [
    "Document",
    "DocumentError",
    "IndexDamagedError",
    "KnowledgeError",
    "Passage",
    "Section",
    "load_document",
    "load_folder",
]

MAX_BYTES = 50_000_000
"""A larger file is refused: no document that a person reads has this size."""


def load_document(path: Path, root: Path) -> list[Document]:
    """The documents of one file: one, or one a row of questions and answers. ``root`` is the knowledge folder.

    The id is the file's stem, with ``-<row>`` for a row. Raises DocumentError naming the file.
    """
    return _documents(path, path.relative_to(root).as_posix(), _bytes_of(path))


def load_folder(folder: Path, known: Iterable[Document] = ()) -> tuple[list[Document], list[DocumentError]]:
    """All documents below a folder in the order of their names, and the files that were skipped.

    Hidden files and files of other kinds are no documents. Where two ids would be the same, both are made of
    the relative path instead of the stem. ``known`` documents are taken over if their file has not changed,
    without parsing it again.
    """
    before: dict[tuple[str, str], list[Document]] = {}
    for document in known:
        before.setdefault((document.source, document.file_hash), []).append(document)
    documents: list[Document] = []
    failed: list[DocumentError] = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.suffix.lower() not in READERS or any(p.startswith(".") for p in inside.parts) or not path.is_file():
            continue
        try:
            data = _bytes_of(path)
            source = inside.as_posix()
            documents += before.get((source, _sha256(data))) or _documents(path, source, data)
        except DocumentError as error:
            failed.append(error)
    return _with_unique_ids(documents), failed


def _bytes_of(path: Path) -> bytes:
    if path.suffix.lower() not in READERS:
        raise DocumentError(path, f"is of an unknown kind; known are {', '.join(READERS)}")
    if not path.name.isprintable():
        raise DocumentError(path, "has a name that cannot be shown; rename it")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DocumentError(path, f"is larger than {MAX_BYTES // 1_000_000} MB; divide it")
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(path, f"cannot be read: {error.strerror}") from error


def _documents(path: Path, source: str, data: bytes) -> list[Document]:
    try:
        found = READERS[path.suffix.lower()](data)
    except UnreadableError as error:
        raise DocumentError(path, str(error)) from error
    if not any(parts.sections for parts in found):
        raise DocumentError(path, "holds no text")
    return [_document(source, _sha256(data), parts) for parts in found]


def _document(source: str, file_hash: str, parts: Parts) -> Document:
    stem = PurePosixPath(source).stem
    title = parts.title or stem.replace("-", " ").replace("_", " ").strip().capitalize() or stem
    content = [source, title, sorted(parts.metadata.items()), [asdict(s) for s in parts.sections], parts.text]
    return Document(
        id=_id(stem, parts.row),
        source=source,
        title=title,
        content_hash=_sha256(json.dumps(content, ensure_ascii=False).encode()),
        metadata=dict(parts.metadata),
        sections=tuple(parts.sections),
        text=parts.text,
        row=parts.row,
        file_hash=file_hash,
    )


def _with_unique_ids(documents: list[Document]) -> list[Document]:
    """Ids by stem; by the whole relative path where the stem is not enough. Sources differ, so this ends."""
    ids = [_id(PurePosixPath(d.source).stem, d.row) for d in documents]
    while twice := {name for name, times in Counter(ids).items() if times > 1}:
        by_path = [_id(d.source, d.row) if i in twice else i for d, i in zip(documents, ids, strict=True)]
        if by_path == ids:  # a row's id was chosen to look like another file's path
            by_path = [f"{i}~{n}" if i in twice else i for n, i in enumerate(ids)]
        ids = by_path
    return [d if d.id == i else replace(d, id=i) for d, i in zip(documents, ids, strict=True)]


def _id(name: str, row: str) -> str:
    return f"{name}-{row}" if row else name


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read_text(data: bytes) -> list[Parts]:
    text = decode(data)
    start, end = trimmed(text, 0, len(text))
    return [Parts(text, [Section((), None, start, end)] if start < end else [])]


READERS: Mapping[str, Callable[[bytes], list[Parts]]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": _read_text,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
    ".csv": read_csv,
    ".jsonl": read_jsonl,
}
"""Endings that are read, in small letters. A reader raises UnreadableError."""
