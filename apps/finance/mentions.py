"""Where a text names a company of the watch list: by ticker, cashtag, full name or alias.

A name that is also a word of everyday language (Harbor, Orchard, Apple, Visa) is decided by cues around it: how it is
spelt, what stands beside it, whether business words are near, whether the same text names the company without doubt.
The weights were set by hand on sentences of our own; ``tests/bench/finance_entities.py`` measures them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .watchlist import Company

ENOUGH = 1.5
"""Cues at or above which a doubtful name is a company."""
NEAR = 60
"""Characters on either side within which a business word is a cue."""
_WORD = r"(?<![\w$@#]){}(?!\w)"
_LEGAL = re.compile(r"\s+(inc|corp|corporation|co|plc|ltd|group|holdings|ag|sa|shares?|stock|financial|bank)\b", re.I)
_POSSESSIVE = re.compile(r"['’]s\b")
_ARTICLE = re.compile(r"\b(an?|the|this|that|every|our|my|his|her|their|your)\s+$", re.I)
# Part of a longer name: Sydney Harbor.
_LONGER = re.compile(r"\w[\w,]*\s+[A-Z][a-z]+\s$")
_PLACE = re.compile(r"\b(in|into|near|around|across|outside|from|by)\s+(the|an?)\s+$", re.I)
_DOES = re.compile(
    r"\s+(says?|said|reports?|reported|posts?|posted|beats?|misse[sd]|raises?|raised|cuts?|lifts?|lifted|lowers?|lowered"
    r"|warns?|warned|sues?|sued|buys?|bought|sells?|sold|names?|named|files?|filed|wins?|won|loses?|lost|announce[sd]?"
    r"|plans?|hires?|hired|falls?|fell|jumps?|jumped|slides?|slid|rises?|rose|gains?|drops?|dropped|to\s+\w+|is\s+up"
    r"|is\s+down|agrees?|agreed|declares?|declared|launche[sd]|recalls?|recalled|settle[sd]?|expects?|sees|faces?"
    r"|up|down|at\s+\w+|eps|q[1-4]|loss|plant|rep|branch|[a-z]{3,}s)\b|\s*:|\s+[+-]?\d",
    re.I,
)
_BARE = re.compile(r"\b(at|from|by|to|with|off|against|over|than|and|sell|buy|short|long)\s+$", re.I)
_BUSINESS = re.compile(
    r"\b(shares?|shareholders?|stocks?|earnings|results|profits?|revenues?|sales|quarter(ly)?|q[1-4]|analysts?|guidance"
    r"|outlook|forecasts?|estimates?|dividends?|buybacks?|upgrade[sd]?|downgrade[sd]?|ratings?|investors?|ceo|cfo"
    r"|chief executive|eps|margins?|lawsuits?|regulators?|merger|takeover|stake|acquisition|ipo|bonds?|loans?|lender"
    r"|banks?|company|brand|retailer|customers|layoffs|recall|deal|contract|puts|calls|bullish|bearish|long|short|\d+%"
    r"|\d+ percent|\$\d)(?!\w)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A company's name within a text: ``text[start:end]``."""

    ticker: str
    start: int
    end: int


class Finder:
    """Finds the companies of one watch list."""

    def __init__(self, companies: Mapping[str, Company], doubtful: Mapping[str, tuple[str, ...]]) -> None:
        """``doubtful`` gives, by word, phrases in which it is no company; see ``watchlist.load_doubtful``."""
        self._elsewhere = {
            word: re.compile(r"\b(?:" + "|".join(map(re.escape, phrases)) + r")\b", re.I)
            for word, phrases in doubtful.items()
            if phrases
        }
        self._sure: list[tuple[str, re.Pattern[str]]] = []
        self._unsure: list[tuple[str, str, re.Pattern[str]]] = []
        for company in companies.values():
            ticker = re.escape(company.ticker)
            # A bare ticker of one or two letters is a word or an abbreviation far too often.
            forms = [rf"(?<!\w)\${ticker}(?!\w)", *([_WORD.format(ticker)] if len(company.ticker) > 2 else [])]
            self._sure.append((company.ticker, re.compile("|".join(forms))))
            names = [name for name in company.names if name not in company.doubtful]
            if names:
                pattern = _WORD.format("(?:" + "|".join(map(re.escape, names)) + ")")
                self._sure.append((company.ticker, re.compile(pattern, re.I)))
            for name in company.names:
                if name in company.doubtful:
                    self._unsure.append((company.ticker, name, re.compile(_WORD.format(re.escape(name)), re.I)))

    def find(self, text: str, given: Iterable[str] = ()) -> list[Mention]:
        """The mentions in order, none within another; ``given`` tickers are known to be spoken of."""
        found = [Mention(t, *match.span()) for t, pattern in self._sure for match in pattern.finditer(text)]
        known = {mention.ticker for mention in found} | set(given)
        for ticker, name, pattern in self._unsure:
            for match in pattern.finditer(text):
                if ticker in known or self._cues(text, match, name) >= ENOUGH:
                    found.append(Mention(ticker, *match.span()))
        kept: list[Mention] = []
        for mention in sorted(found, key=lambda m: (m.start, -m.end)):
            if not kept or mention.start >= kept[-1].end:
                kept.append(mention)
        return kept

    def _cues(self, text: str, match: re.Match[str], name: str) -> float:
        before, after = text[: match.start()], text[match.end() :]
        elsewhere = self._elsewhere.get(name.casefold())
        if elsewhere and any(e.start() <= match.start() < e.end() for e in elsewhere.finditer(text)):
            return -4.0
        cues = _spelling(text, match, before)
        if _LEGAL.match(after):
            cues += 3.0
        if _POSSESSIVE.match(after) or _BARE.search(before):
            cues += 0.75
        if _DOES.match(after):
            cues += 1.0
        if _PLACE.search(before):
            cues -= 2.0
        elif _LONGER.search(before):
            cues -= 1.0
        elif _ARTICLE.search(before):
            cues -= 1.5
        around = before[-NEAR:] + " | " + after[:NEAR]
        return cues + min(2.0, 0.75 * len({m.group().casefold() for m in _BUSINESS.finditer(around)}))


def _spelling(text: str, match: re.Match[str], before: str) -> float:
    """A capital within a sentence speaks for a name, small letters against it; where all words have capitals, or none
    has, neither says anything."""
    words = [w for w in re.findall(r"[A-Za-z]{4,}", text) if w.casefold() != match.group().casefold()]
    raised = sum(w[0].isupper() for w in words)
    if match.group()[0].islower():
        # Who writes no capitals at all writes none in names.
        return -0.5 if not raised else -2.0
    if not re.search(r"[^\s.!?:\"“(—-][\s\"“(]*$", before):
        return 0.75
    return 0.75 if words and raised > 0.6 * len(words) else 2.0
