"""Documents to passages that end with a sentence and keep where they came from."""

from __future__ import annotations

import re

from index.documents import Document, Passage, Section

_ABBREVIATIONS = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|approx|incl|excl|vs|no|nr|mr|mrs|ms|dr|st|fig|max|min)|\b[A-Za-z])\.$", re.IGNORECASE
)
_END = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s|$)|[。！？]+|\n\s*\n|\n(?=\s*(?:[-*+•]|\d+[.)])\s)|\n(?=\|)|\n(?=#)""")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of a text, blank edges left out; list items and table rows count as sentences."""
    spans = []
    start = 0
    for match in _END.finditer(text):
        if match.group().strip() == "." and _ABBREVIATIONS.search(text[start : match.end()]):
            continue
        spans.append((start, match.end()))
        start = match.end()
    spans.append((start, len(text)))
    trimmed = []
    for a, b in spans:
        body = text[a:b]
        left = a + len(body) - len(body.lstrip())
        right = a + len(body.rstrip())
        if right > left:
            trimmed.append((left, right))
    return trimmed


def chunk(document: Document, max_words: int = 120) -> list[Passage]:
    """Passages of at most ``max_words`` words, one sentence at the least; none crosses a heading or a page."""
    passages: list[Passage] = []
    for section in document.sections:
        for start, end in _groups(document.text, section, max_words):
            passages.append(
                Passage(
                    id=f"{document.id}#{len(passages) + 1}",
                    document_id=document.id,
                    source=document.source,
                    title=document.title,
                    heading_path=section.heading_path,
                    page=section.page,
                    start=start,
                    end=end,
                    text=document.text[start:end],
                )
            )
    return passages


def _groups(text: str, section: Section, max_words: int) -> list[tuple[int, int]]:
    groups: list[tuple[int, int]] = []
    begun: int | None = None
    words = 0
    last = section.start
    for a, b in split_sentences(text[section.start : section.end]):
        start, end = section.start + a, section.start + b
        count = len(text[start:end].split())
        if begun is not None and words + count > max_words:
            groups.append((begun, last))
            begun, words = None, 0
        begun = start if begun is None else begun
        words += count
        last = end
    if begun is not None:
        groups.append((begun, last))
    return groups
