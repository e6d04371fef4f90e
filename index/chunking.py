"""Documents to passages that end with a sentence, and texts to sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from index.types import Document, Passage, Section

MAX_SENTENCE = 1000
"""Characters. What runs on longer without an end (a log, one endless word) is divided."""

_CHARS_A_WORD = 8
"""Script without spaces counts by characters; English words with their space have about 6."""

# An end mark with what closes behind it, before white space; Chinese and Japanese ends need none.
_END = re.compile(r"""[.!?…]+["'”’)\]*_]*(?=\s)|[。！？]+["'”’」』)]*""")
_NEVER_END = re.compile(r"(?:^|[\s(\[])(?:e\.g|i\.e|vs|cf|mr|mrs|ms|dr|prof|fig|st)\.$|(?:^|[\s.(])[A-Za-z]\.$", re.I)
# These end a sentence unless a number or a small letter follows.
_MAY_END = re.compile(r"(?:^|[\s(\[])(?:etc|approx|incl|excl|max|min|ca|tel|nr|no|p|pp|vol)\.$", re.I)
_NUMBERED = re.compile(r"\s*\d+\.$")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,9}[.)])[ \t]|[ \t]*#{1,6}[ \t]")
_ROW = re.compile(r"[ \t]*\|")

_LINK = re.compile(r'!?\[([^\]\n]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)?(?:\s+"[^"\n]*")?\)')
_EMPHASIS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`{1,2}|~~)(?=\S)([^\n]{1,300}?)(?<=\S)\1(?!\w)")
_TABLE_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}[-:| \t]*$", re.MULTILINE)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Spans (start, end) of the sentences of a text, without the blank around them.

    A paragraph, a list item and a table end a sentence too; a table is one, so that it stays whole. What
    holds no letter or digit (a rule, a lone dash) is none.
    """
    spans = []
    for start, end in _units(text):
        begin = start
        for mark in () if _ROW.match(text, start) else _END.finditer(text, start, end):
            if not _is_end(text, start, begin, mark):
                continue
            spans.append((begin, mark.end()))
            begin = mark.end()
        spans.append((begin, end))
    parts = [part for span in spans for part in _bounded(text, *span)]
    return [(start, end) for start, end in parts if any(char.isalnum() for char in text[start:end])]


def chunk(document: Document, max_words: int = 120) -> list[Passage]:
    """The document's passages in order: whole sentences, at most ``max_words`` words unless one sentence has more.

    None crosses a heading or a page, and the passages of one section are about equally long. No overlap.
    """
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


def plain(text: str) -> str:
    """The words of a Markdown text on one line: links become their label, emphasis and table bars go."""
    bare = _LINK.sub(r"\1", _TABLE_RULE.sub("", text))
    for _ in range(2):  # one emphasis within another
        bare = _EMPHASIS.sub(r"\2", bare)
    return " ".join(bare.replace("|", " ").split())


def embedded_text(passage: Passage) -> str:
    """What is embedded for a passage: title, heading path and words, a line each."""
    return "\n".join([passage.title, *passage.heading_path, plain(passage.text)])


def _units(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs, list items, headings and tables: spans that a sentence does not cross."""
    begin: int | None = None
    table = False
    end = 0
    for line in re.finditer(r"[^\n]+", text):
        content = line.group()
        row = _ROW.match(content) is not None
        apart = text.count("\n", end, line.start()) > 1 or not content.strip()
        if begin is not None and (apart or row != table or _ITEM.match(content)):
            yield begin, end
            begin = None
        end = line.end()
        if content.strip():
            begin = line.start() if begin is None else begin
            table = row
    if begin is not None:
        yield begin, end


def _is_end(text: str, unit: int, begin: int, mark: re.Match[str]) -> bool:
    if not mark.group().startswith(".") or mark.group().startswith(".."):
        return True
    before = text[begin : mark.start() + 1]
    if _NEVER_END.search(before) or (begin == unit and _NUMBERED.fullmatch(before)):
        return False
    following = text[mark.end() : mark.end() + 3].lstrip()[:1]
    return not (_MAY_END.search(before) and (following.isdigit() or following.islower()))


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without blank edges, in pieces of at most MAX_SENTENCE characters that end with a line or a word."""
    while True:
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        if end - start <= MAX_SENTENCE:
            if start < end:
                yield start, end
            return
        limit = start + MAX_SENTENCE
        cut = max(text.rfind("\n", start, limit), -1) if _ROW.match(text, start) else -1
        cut = cut if cut > start else text.rfind(" ", start, limit)
        cut = cut if cut > start else limit
        yield start, cut
        start = cut


def _groups(text: str, section: Section, max_words: int) -> Iterator[tuple[int, int]]:
    spans = [(section.start + a, section.start + b) for a, b in split_sentences(text[section.start : section.end])]
    counts = [max(len(text[a:b].split()), (b - a) // _CHARS_A_WORD) for a, b in spans]
    # The fewest passages that suffice, and each about as long as the others.
    fair = sum(counts) / max(1, math.ceil(sum(counts) / max_words))
    first, words = 0, 0
    for place, count in enumerate(counts):
        if words and (words + count > max_words or words >= fair):
            yield spans[first][0], spans[place - 1][1]
            first, words = place, 0
        words += count
    if words:
        yield spans[first][0], spans[-1][1]
