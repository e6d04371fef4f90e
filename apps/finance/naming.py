"""Whom a question is about: companies and sectors of the watch list, and names that are not on it.

A question is read more kindly than a news item: a name in small letters, a ticker in small letters and a name with a
slip of the keyboard count, and a name that is also a word of everyday language is the company.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .mentions import Finder
from .setup import FOLDER, Desk
from .watchlist import Company

NEAR = 0.84
"""Least similarity at which a word of five letters or more is a company's name with a slip in it."""
_LOOSELY = 0.6
_MOST_NEAR = 3
_SHORTEST = 5
_WORD = re.compile(r"\$?[^\W_]+(?:[.&'’-][^\W_]+)*")
# What people call the usual sectors by; the beginning of the sector's name that each stands for.
_SECTOR_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("tech", "semis", "software", "chips"), "tech"),
    **dict.fromkeys(("banks", "bank", "insurers", "lenders", "financial", "financials"), "financ"),
    **dict.fromkeys(("consumer", "consumers", "retail", "retailers", "brands"), "consumer"),
    **dict.fromkeys(("healthcare", "health", "pharma", "biotech", "drugmakers", "medtech"), "health"),
    **dict.fromkeys(("energy", "mining", "miners", "oil", "materials", "commodities", "resources"), "resourc"),
    **dict.fromkeys(("transport", "airlines", "carriers", "truckers", "haulage", "freight"), "transport"),
}
_EVERYBODY = re.compile(
    r"\b(?:all|everyone|everybody|everything|whole (?:watch ?)?list|watch ?list|all (?:companies|names))\b", re.I
)
# Where a question names somebody, if not by a capital: "sentiment on tesla", "compare jpm and bac", "why did it".
_PLACES = re.compile(
    r"\b(?:sentiment|mood|tone|news|headlines|trend|price|volatility|alerts?|alarm|coverage|items|posts|stories|index)"
    r" (?:on|of|for|about|around|at) (?P<a>[\w&.-]+)"
    r"|\bcompare (?P<b>[\w&.-]+)(?: (?:and|with|to|against|vs\.?) (?P<c>[\w&.-]+))?"
    r"|\b(?P<d>[\w&.-]+) (?:vs\.?|versus|against) (?P<e>[\w&.-]+)"
    r"|\bwhy (?:did|is|has|was|does) (?P<f>[\w&.-]+)"
    r"|\b(?:what|how) about (?P<g>[\w&.-]+)|^and (?:for )?(?P<h>[\w&.-]+)\W*$"
    r"|\b(?:when(?:ever)?|if|once) (?P<i>[\w&.-]+) (?:turns|drops|falls|rises|crosses|goes|moves|changes)",
    re.I,
)
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z][A-Za-z0-9.]{0,5})\b")
_SHOUTED = re.compile(r"(?<![\w$])[A-Z]{2,5}(?![\w'’])")
_CAPITAL = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]+)*")
_NO_NAMES = frozenset((FOLDER / "plain_words.txt").read_text(encoding="utf-8").split())


@dataclass(frozen=True)
class Named:
    """Whom a text names."""

    tickers: tuple[str, ...] = ()
    """Of the watch list, in the order of the text; those of a sector in that of the list."""
    sectors: tuple[str, ...] = ()
    everybody: bool = False
    """The whole list was named."""
    unknown: tuple[str, ...] = ()
    """Names, as written, that are not on the watch list."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where in the text these stand."""


def find_names(text: str, desk: Desk) -> Named:
    """The companies and sectors that a question names."""
    found = _exact(text, desk)
    taken = [(start, end) for _, start, end in found]
    for word in _WORD.finditer(text):
        if not _within(word.span(), taken):
            ticker = _slipped(word[0], desk.companies)
            if ticker is not None:
                found.append((ticker, *word.span()))
                taken.append(word.span())
    sectors = _sectors(text, desk.companies, taken)
    everybody = _EVERYBODY.search(text)
    taken += [(start, end) for _, start, end in sectors]
    unknown = _unknown(text, taken)
    order = dict.fromkeys(ticker for ticker, start, end in sorted(found, key=lambda one: one[1]))
    spans = [*taken, *(span for _, span in unknown), *([everybody.span()] if everybody else [])]
    return Named(
        tuple(order),
        tuple(dict.fromkeys(name for name, _, _ in sectors)),
        everybody is not None,
        tuple(dict.fromkeys(name for name, _ in unknown)),
        tuple(sorted(spans)),
    )


def without_names(text: str, named: Named) -> str:
    """The text without the names in it, which may look like dates ("May", "Onyx 3")."""
    for start, end in reversed(named.spans):
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def near_names(name: str, companies: Mapping[str, Company]) -> list[str]:
    """Names of the watch list that look like ``name``, the nearest first."""
    names = {_key(known): f"{company.name} ({company.ticker})" for company, known in _all_names(companies.values())}
    keys = difflib.get_close_matches(_key(name), names, n=2 * _MOST_NEAR, cutoff=_LOOSELY)
    return list(dict.fromkeys(names[key] for key in keys))[:_MOST_NEAR]


def of_sector(sector: str, companies: Mapping[str, Company]) -> tuple[str, ...]:
    """The tickers of a sector."""
    return tuple(company.ticker for company in companies.values() if company.sector == sector)


def _exact(text: str, desk: Desk) -> list[tuple[str, int, int]]:
    """(ticker, start, end) of names and tickers as they stand on the list, in any case."""
    finder = Finder(desk.companies, desk.doubtful)
    found = [(mention.ticker, mention.start, mention.end) for mention in finder.find(text, desk.companies)]
    taken = [(start, end) for _, start, end in found]
    for word in _WORD.finditer(text):
        ticker = word[0].lstrip("$").upper()
        # "all" and "it" are tickers of somebody; in small letters they are words.
        sure = word[0].startswith("$") or word[0].isupper() or word[0].lower() not in _NO_NAMES
        if ticker in desk.companies and sure and not _within(word.span(), taken):
            found.append((ticker, *word.span()))
    return found


def _slipped(word: str, companies: Mapping[str, Company]) -> str | None:
    """The company whose one-word name this word is nearly."""
    plain = _key(word)
    if len(plain) < _SHORTEST or plain in _NO_NAMES or plain in _SECTOR_WORDS:
        return None
    names = {_key(name): company.ticker for company, name in _all_names(companies.values()) if " " not in name}
    near = difflib.get_close_matches(plain, [n for n in names if len(n) >= _SHORTEST], n=1, cutoff=NEAR)
    return names[near[0]] if near else None


def _sectors(text: str, companies: Mapping[str, Company], taken: list[tuple[int, int]]) -> list[tuple[str, int, int]]:
    """(sector, start, end) of the sectors that are named, by their own names or by the usual ones."""
    found = []
    for sector in dict.fromkeys(company.sector for company in companies.values() if company.sector):
        words = [
            re.escape(sector),
            *(word for word, start in _SECTOR_WORDS.items() if sector.lower().startswith(start)),
        ]
        for match in re.finditer(rf"\b(?:{'|'.join(words)})\b", text, re.I):
            if not _within(match.span(), taken):
                found.append((sector, *match.span()))
    return sorted(found, key=lambda one: one[1])


def _unknown(text: str, taken: Iterable[tuple[int, int]]) -> list[tuple[str, tuple[int, int]]]:
    """(name, span) of what looks like a company's name and stands on no list."""
    found: dict[tuple[int, int], str] = {}
    for match in _PLACES.finditer(text):
        found |= {match.span(group): word for group, word in match.groupdict().items() if word}
    for pattern in (_CASHTAG, _SHOUTED, _CAPITAL):
        found |= {match.span(): match[0] for match in pattern.finditer(text)}
    held, names = list(taken), []
    for span, name in sorted(found.items()):
        plain = _key(name)
        if plain in _NO_NAMES or not re.search(r"[a-z]", plain) or _within(span, held):
            continue
        names.append((name.strip(".-"), span))
        held.append(span)
    return names


def _all_names(companies: Iterable[Company]) -> Iterable[tuple[Company, str]]:
    return ((company, name) for company in companies for name in (company.ticker, *company.names))


def _key(name: str) -> str:
    return name.lower().strip("$.-").removesuffix("'s").removesuffix("’s")


def _within(span: tuple[int, int], taken: Iterable[tuple[int, int]]) -> bool:
    """Whether the span overlaps one of those taken."""
    return any(span[0] < end and start < span[1] for start, end in taken)
