"""What a text says of each of its companies: the words to be scored for one of them.

A text is cut at sentence ends, commas and words such as "while" or "but". A clause belongs to the companies that it
names; one that names none goes on about those of the clause before it. In the words that are left, the company in
question is called "the company" and others "a rival", so that the model need not know any name: where one clause names
several, it tells by these parts what is said of whom. Links, of which it learns nothing, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .mentions import Mention

_CUT = re.compile(
    r"(?<=[.!?;])\s+|\s+[-–—]+\s+|[;:]\s+|,\s+|\s+(?=\()|"
    r"\s+(?=(?:while|whereas|but|although|though|unlike|as|yet|after|because|whose|which|leaving|and|or|so|until)\b)",
    re.IGNORECASE,
)
# "As" that leads to no clause of its own.
_COMPARED = re.compile(r"\bas\s+\w+\s+as\b|\bas(?=\s+(?:of|usual|expected|feared|well|always)\b)", re.IGNORECASE)
# What says nothing beside a name alone: "Unlike Harbor, ...", "Harbor and ...".
_BESIDE = {"and", "or", "both", "like", "unlike", "with", "versus", "vs", "against", "after", "for", "at", "in", "as"}
_LINK = re.compile(r"https?://\S*")


@dataclass(frozen=True, slots=True)
class Passage:
    """The words that are scored for one company, as they stand in the text and as the model reads them."""

    ticker: str
    words: str
    reads: str


def passages(text: str, mentions: Sequence[Mention], given: Sequence[str] = ()) -> list[Passage]:
    """A passage of each company that is mentioned or ``given``, in the order of the text.

    A single company has the whole text, and so has one that is given without being named.
    """
    tickers = list(dict.fromkeys(mention.ticker for mention in mentions))
    found = []
    for ticker in tickers:
        own = clauses_of(text, mentions, ticker) if len(tickers) > 1 else [(0, len(text))]
        words = " ".join(text[start:end].strip() for start, end in own)
        reads = " ".join(_read(text, start, end, mentions, ticker) for start, end in own)
        found.append(Passage(ticker, words, legible(reads)))
    return found + [Passage(ticker, text, legible(text)) for ticker in given if ticker not in tickers]


def legible(text: str) -> str:
    """The text without its links; one of nothing but links stays as it is."""
    return " ".join(_LINK.sub(" ", text).split()) or text


def clauses_of(text: str, mentions: Sequence[Mention], ticker: str) -> list[tuple[int, int]]:
    """The parts of a text that belong to one of its companies, as places, in order."""
    found: list[tuple[int, int]] = []
    waiting: list[tuple[int, int]] = []
    owners: set[str] = set()
    for start, end in _clauses(text, mentions):
        owners = {m.ticker for m in mentions if start <= m.start < end} or owners
        if not owners:
            # Before the first name: it leads up to it.
            waiting.append((start, end))
            continue
        if ticker in owners:
            found += [*waiting, (start, end)]
        waiting = []
    return found


def _clauses(text: str, mentions: Sequence[Mention]) -> list[tuple[int, int]]:
    """The clauses; one of nothing but a name is part of the next, or at the end of the one before."""
    inside = [(m.start, m.end) for m in mentions]
    plain = _COMPARED.sub(lambda m: "-" * len(m.group()), text)
    cuts = [m.end() for m in _CUT.finditer(plain) if not any(a < m.end() < b for a, b in inside)]
    edges = [0]
    for end in cuts:
        if _says_something(text, edges[-1], end, mentions):
            edges.append(end)
    if len(edges) > 1 and not _says_something(text, edges[-1], len(text), mentions):
        edges.pop()
    return list(pairwise([*edges, len(text)]))


def _says_something(text: str, start: int, end: int, mentions: Sequence[Mention]) -> bool:
    rest, place = "", start
    for mention in mentions:
        if start <= mention.start and mention.end <= end:
            rest += text[place : mention.start]
            place = mention.end
    words = re.findall(r"\w+", rest + text[place:end])
    return any(word.casefold() not in _BESIDE for word in words)


def _read(text: str, start: int, end: int, mentions: Sequence[Mention], ticker: str) -> str:
    """The part of a text with its companies called by their parts."""
    pieces, place = [], start
    for mention in mentions:
        if start <= mention.start and mention.end <= end:
            pieces += [text[place : mention.start], "the company" if mention.ticker == ticker else "a rival"]
            place = mention.end
    return "".join([*pieces, text[place:end]]).strip()
