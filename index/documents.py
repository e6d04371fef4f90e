"""Knowledge documents: reading files of six kinds into titled sections of plain text.

    KnowledgeError
    ├── DocumentError        a document cannot be read (``path`` names it)
    └── IndexDamagedError    a saved index is damaged or belongs to another backbone (``folder`` names it)
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


class KnowledgeError(Exception):
    """Base of the errors of this package."""


class DocumentError(KnowledgeError):
    """A document cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path}: {reason}")


class IndexDamagedError(KnowledgeError):
    """A saved index cannot be used."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        super().__init__(f"The knowledge index in {folder} cannot be used: {reason}.")


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document's text below one heading or on one page."""

    heading_path: tuple[str, ...]
    page: int | None
    start: int
    end: int
    """``document.text[start:end]`` is the section."""


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    source: str
    """File name relative to the knowledge folder."""
    title: str
    content_hash: str
    text: str
    sections: tuple[Section, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Front matter, such as ``intent``."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that a reply can cite."""

    id: str
    """``<document id>#<number>``."""
    document_id: str
    source: str
    title: str
    heading_path: tuple[str, ...]
    page: int | None
    start: int
    end: int
    """``document.text[start:end] == text``."""
    text: str


Parts = list[tuple[tuple[str, ...], int | None, str]]
"""(heading path, page, text) in order."""


def load_document(path: Path, root: Path) -> list[Document]:
    """The documents of one file; a table of questions and answers gives one a row.

    Raises DocumentError if the kind is unknown or the file cannot be read.
    """
    loader = LOADERS.get(path.suffix.lower())
    if loader is None:
        raise DocumentError(path, f"files of this kind are not read. Read are: {', '.join(sorted(LOADERS))}")
    try:
        return loader(path, root)
    except UnicodeDecodeError as error:
        raise DocumentError(path, f"it is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise DocumentError(path, f"it cannot be read: {error.strerror}") from error


def load_folder(folder: Path) -> tuple[list[Document], list[DocumentError]]:
    """All documents below a folder in the order of their names, and the files that failed."""
    documents: dict[str, Document] = {}
    failed: list[DocumentError] = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        try:
            for document in load_document(path, folder):
                unique = document.id
                if unique in documents:
                    unique = f"{_slug(str(path.relative_to(folder).with_suffix('')))}-{path.suffix[1:].lower()}"
                if unique in documents:
                    raise DocumentError(path, f"the id '{document.id}' stands twice")
                documents[unique] = _renamed(document, unique)
        except DocumentError as error:
            failed.append(error)
    return list(documents.values()), failed


def make_document(
    id: str, source: str, title: str, parts: Iterable[tuple[tuple[str, ...], int | None, str]], metadata: Mapping[str, str]
) -> Document:
    """Join parts into one text that remembers where each lies."""
    text, sections = "", []
    for heading_path, page, part in parts:
        body = part.strip()
        if not body:
            continue
        text += "\n\n" if text else ""
        sections.append(Section(heading_path, page, len(text), len(text) + len(body)))
        text += body
    digest = hashlib.sha256(repr((title, text, [(s.heading_path, s.page) for s in sections], sorted(metadata.items()))).encode())
    return Document(id, source, title, digest.hexdigest(), text, tuple(sections), dict(metadata))


def _renamed(document: Document, id: str) -> Document:
    if id == document.id:
        return document
    return Document(id, document.source, document.title, document.content_hash, document.text, document.sections, document.metadata)


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "document"


def _titled(stem: str) -> str:
    return stem.replace("-", " ").replace("_", " ").strip().capitalize() or stem


def _front_matter(path: Path, text: str) -> tuple[dict[str, str], str]:
    match = re.match(r"---\s*\n(.*?)\n---\s*(?:\n|$)", text, re.DOTALL)
    if not match:
        return {}, text
    try:
        found = yaml.safe_load(match.group(1)) or {}
    except yaml.YAMLError as error:
        raise DocumentError(path, f"its front matter is not valid YAML: {error}") from error
    if not isinstance(found, dict):
        raise DocumentError(path, "its front matter is no list of `key: value` lines")
    return {str(k): str(v) for k, v in found.items()}, text[match.end() :]


def _markdown(path: Path, root: Path) -> list[Document]:
    metadata, body = _front_matter(path, path.read_text(encoding="utf-8-sig"))
    parts: Parts = []
    headings: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced = False
    first_heading = ""

    def close() -> None:
        parts.append((tuple(h for _, h in headings), None, "\n".join(lines)))
        lines.clear()

    for line in body.splitlines():
        fenced ^= line.lstrip().startswith("```")
        match = None if fenced else re.match(r"(#{1,6})\s+(.*?)\s*#*$", line)
        if match is None:
            lines.append(line)
            continue
        close()
        level, heading = len(match.group(1)), match.group(2)
        first_heading = first_heading or heading
        headings = [h for h in headings if h[0] < level]
        if level > 1 or heading != metadata.get("title", first_heading):
            headings.append((level, heading))
    close()
    title = metadata.get("title") or first_heading or _titled(path.stem)
    return [make_document(_slug(path.stem), _source(path, root), title, parts, metadata)]


def _source(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _text(path: Path, root: Path) -> list[Document]:
    parts: Parts = [((), None, path.read_text(encoding="utf-8-sig"))]
    return [make_document(_slug(path.stem), _source(path, root), _titled(path.stem), parts, {})]


def _html(path: Path, root: Path) -> list[Document]:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(path.read_text(encoding="utf-8-sig"), "html.parser")
    for tag in soup(["script", "style", "noscript", "template", "nav", "footer", "iframe"]):
        tag.decompose()
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    parts: Parts = []
    headings: list[tuple[int, str]] = []
    for tag in (soup.body or soup).find_all(["h1", "h2", "h3", "h4", "h5", "h6", "p", "li", "pre", "td", "th", "blockquote"]):
        words = tag.get_text(" ", strip=True)
        if tag.name[0] == "h" and tag.name[1:].isdigit():
            level = int(tag.name[1])
            headings = [h for h in headings if h[0] < level]
            if level > 1:
                headings.append((level, words))
            title = title or words
        elif words and not tag.find_parent(["p", "li", "blockquote"]):
            path_now = tuple(h for _, h in headings)
            if parts and parts[-1][0] == path_now:
                parts[-1] = (path_now, None, parts[-1][2] + "\n" + words)
            else:
                parts.append((path_now, None, words))
    if not parts:
        parts = [((), None, soup.get_text(" ", strip=True))]
    return [make_document(_slug(path.stem), _source(path, root), title or _titled(path.stem), parts, {})]


def _pdf(path: Path, root: Path) -> list[Document]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        pages = [(number, page.extract_text()) for number, page in enumerate(reader.pages, 1)]
        title = str(reader.metadata.title or "") if reader.metadata else ""
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # What pypdf lets through on broken files goes beyond its own errors.
        raise DocumentError(path, f"it is no readable PDF ({error})") from error
    if not any(text.strip() for _, text in pages):
        raise DocumentError(path, "it holds no text (a scan?). Give it a text layer")
    parts: Parts = [((), number, re.sub(r"(?<![.!?:])\n(?=\S)", " ", text)) for number, text in pages]
    return [make_document(_slug(path.stem), _source(path, root), title or _titled(path.stem), parts, {})]


def _faq_csv(path: Path, root: Path) -> list[Document]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        _require_columns(path, reader.fieldnames or [])
        return [_faq(path, root, number, row) for number, row in enumerate(reader, 1)]


def _faq_jsonl(path: Path, root: Path) -> list[Document]:
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DocumentError(path, f"line {number} is not valid JSON: {error}") from error
        if not isinstance(row, dict):
            raise DocumentError(path, f"line {number} is no JSON object")
        _require_columns(path, list(row))
        found.append(_faq(path, root, number, row))
    return found


def _require_columns(path: Path, names: Iterable[str]) -> None:
    missing = {"question", "answer"} - set(names)
    if missing:
        raise DocumentError(path, f"the column '{sorted(missing)[0]}' is missing. Needed are question and answer")


def _faq(path: Path, root: Path, number: int, row: Mapping[str, Any]) -> Document:
    id = f"{_slug(path.stem)}-{_slug(str(row.get('id') or number))}"
    metadata = {k: str(v) for k, v in row.items() if k not in {"question", "answer", "id"} and v}
    parts: Parts = [((), None, str(row["answer"] or ""))]
    return make_document(id, _source(path, root), str(row["question"] or "").strip(), parts, metadata)


LOADERS: Mapping[str, Callable[[Path, Path], list[Document]]] = {
    ".md": _markdown,
    ".txt": _text,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".csv": _faq_csv,
    ".jsonl": _faq_jsonl,
}
