"""Whether a passage supports a sentence that a generator wrote: a check by words, without a model.

A sentence is held against each sentence of the passage, and each two that follow each other. One of them must carry
it whole:

- every number of the sentence stands there, with the same unit behind it; every name (a capital inside the sentence)
  too, and every word that claims much ("always", "free", "guaranteed");
- it denies the same as the sentence, or neither denies; conditions ("if", "only") and limits ("over", "within") are
  neither lost nor added;
- what must be done is not said to be a choice, nor the other way round;
- no word stands for its opposite ("before" for "after"), and nobody does what another does ("we pay", "you pay");
- of its other words at least the share ``LEAST_OVERLAP`` stands there, compared by their stems.

The check errs on the side of dropping, and reads English: of other languages only what is said word for word passes.
It knows nothing of generators or replies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import snowballstemmer

from index.chunking import plain, split_sentences

LEAST_OVERLAP = 0.9
"""Fitted on tests/agent/grounding/fit.jsonl: of 0.5, 0.6, ... 1.0 the smallest with a precision of 1 there."""

_TOKEN = re.compile(r"[£$€]?\d+(?:[.,:]\d+)*%?|[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_NUMBER = re.compile(r"[£$€]?\d")
_TABLE_ROW = re.compile(r"[ \t]*\|")
_CONTRACTIONS = (
    (re.compile(r"\b(?:can't|cannot)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'(?:ll|re|ve|s|m|d)\b"), ""),
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# fmt: off
_COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_COUNTED.split())} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100",
}
_DENIALS = _words("not no never none neither nor without nothing nobody")
_CONDITIONS = _words("if unless only except until provided away instead")
_LIMITS = _words("over under above below more less least most within between minimum maximum")
_DUTIES = _words("must need needs needed require requires required should shall")
_CHOICES = _words("can may could able allowed possible optional might")
_CLAIMS = _words(
    "always all every any everything anything anytime free guarantee guaranteed guarantees immediately instantly "
    "automatically full fully whole entire best never once twice half double"
)
_PEOPLE = {
    "we": "we", "our": "we", "us": "we", "ours": "we", "you": "you", "your": "you", "yours": "you", "i": "i", "my": "i",
    "they": "they", "their": "they", "he": "he", "his": "he", "she": "she", "her": "she",
}
_EMPTY = _words(
    "a an the and or but so then also too as at by for from in into of off on onto out to up with is are "
    "was were be been being am do does did done has have had having will would it its this that these those there "
    "here which who whom whose what when where how why than such just please note simply well yes hello sorry thanks "
    "thank get gets got however while because since about"
)
_OPPOSITES = (
    ("before", "after"), ("more", "less"), ("most", "least"), ("maximum", "minimum"), ("open", "close"),
    ("accept", "refuse"), ("accept", "reject"), ("include", "exclude"), ("with", "without"), ("early", "late"),
    ("earliest", "latest"), ("first", "last"), ("buy", "sell"), ("hot", "cold"), ("warm", "cold"), ("wet", "dry"),
    ("inside", "outside"), ("increase", "decrease"), ("refund", "charge"), ("start", "end"), ("new", "used"),
    ("new", "old"), ("higher", "lower"), ("over", "under"), ("above", "below"), ("send", "receive"),
    ("free", "paid"), ("large", "small"), ("long", "short"), ("keep", "return"), ("online", "store"), ("right", "left"),
    ("morning", "evening"), ("add", "remove"), ("worn", "unworn"), ("possible", "impossible"), ("from", "until"),
)
# fmt: on
_NEAR = 3
"""Words between a person and what the person does."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a sentence is supported, and if not, the rule that it breaks."""

    supported: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Said:
    """What a text says, as far as the rules ask."""

    stems: frozenset[str]
    content: frozenset[str]
    numbers: frozenset[str]
    units: frozenset[tuple[str, str]]
    """Each number with the stem of each of the two words behind it."""
    measured: tuple[tuple[str, str], ...]
    """Each number with the stem of the word right behind it, if that says something."""
    denials: int
    denied: frozenset[str]
    """Stems of the two words with content behind each denial."""
    conditions: frozenset[str]
    limits: frozenset[str]
    claims: frozenset[str]
    duty: bool
    choice: bool
    doers: frozenset[tuple[str, str]]
    """Stem of a content word, and the person before it."""


class Grounds:
    """Passages made ready to be asked; of one reply, for one thread."""

    def __init__(self, passages: Sequence[str], titles: Sequence[str] = ()) -> None:
        """``passages`` and ``titles`` are Markdown; words of a title count as said by each sentence."""
        # Its stemmer keeps state, so that each of us has one.
        self._stemmer = snowballstemmer.stemmer("english")
        self._titles = frozenset(stem for title in titles for stem in self._read(plain(title)).stems)
        self._verbatim: set[str] = set()
        self._evidence: list[tuple[_Said, bool]] = []
        for passage in passages:
            sentences = _sentences(passage)
            self._verbatim.update(sentences)
            self._evidence += [(self._read(sentence), False) for sentence in sentences]
            pairs = pairwise(sentences)
            self._evidence += [(self._read(f"{first} {second}"), True) for first, second in pairs]

    def check(self, sentence: str) -> Verdict:
        """Whether the passages support ``sentence`` (plain text)."""
        if sentence in self._verbatim:
            return Verdict(True)
        said = self._read(sentence)
        if not said.content and not said.numbers:
            return Verdict(False, "it says nothing")
        names = self._names(sentence)
        reasons = [self._broken(said, names, evidence, double) for evidence, double in self._evidence]
        if not reasons:
            return Verdict(False, "there is no passage")
        kept = [reason for reason in reasons if reason]
        # The rule that the best of the evidence breaks says most.
        return Verdict(True) if len(kept) < len(reasons) else Verdict(False, max(kept, key=_progress))

    def says(self, sentences: Sequence[str], key: str) -> bool:
        """Whether ``sentences`` still hold at least half of the content words of ``key``, and one of its numbers."""
        wanted, told = self._read(plain(key)), self._read(" ".join(sentences))
        enough = len(wanted.content & told.stems) >= len(wanted.content) / 2
        return enough and (not wanted.numbers or bool(wanted.numbers & told.numbers))

    def _broken(self, said: _Said, names: frozenset[str], evidence: _Said, double: bool) -> str:
        """The first rule that ``said`` breaks against ``evidence``; empty if none."""
        known = evidence.stems | self._titles
        new = said.content - known
        if said.content and len(said.content - new) / len(said.content) < LEAST_OVERLAP:
            return "too few of its words stand there"
        if not said.numbers <= evidence.numbers:
            return "a number does not stand there"
        if not all(pair in evidence.units for pair in said.measured):
            return "a number has another unit"
        if not names <= known:
            return "a name does not stand there"
        if not said.claims <= evidence.claims:
            return "it claims more"
        if said.denials != evidence.denials if double else bool(said.denials) != bool(evidence.denials):
            return "it denies otherwise"
        if said.denied and not said.denied & evidence.denied:
            return "it denies otherwise"
        if said.conditions != evidence.conditions:
            return "a condition is lost or added"
        if not said.limits <= evidence.limits or ((said.claims or not double) and said.limits != evidence.limits):
            return "a limit is lost or added"
        if (said.duty and not evidence.duty) or (evidence.duty and said.choice and not evidence.choice):
            return "duty and choice are mixed up"
        if any(self._opposed(said, evidence, one, other) for pair in _OPPOSITES for one, other in (pair, pair[::-1])):
            return "a word stands for its opposite"
        doers = dict(evidence.doers)
        if any(doers.get(stem, who) != who and (stem, who) not in evidence.doers for stem, who in said.doers):
            return "somebody else does it"
        return ""

    def _opposed(self, said: _Said, evidence: _Said, one: str, other: str) -> bool:
        first, second = self._stemmer.stemWord(one), self._stemmer.stemWord(other)
        return first in said.stems - evidence.stems and second in evidence.stems - said.stems

    def _names(self, sentence: str) -> frozenset[str]:
        """Stems of words with a capital, the sentence's first word and "I" left out."""
        found = [match[0] for match in _TOKEN.finditer(sentence)][1:]
        return frozenset(self._stemmer.stemWord(w.lower()) for w in found if w[0].isupper() and w != "I")

    def _read(self, text: str) -> _Said:
        lower = text.lower().replace("\u2019", "'")
        for pattern, written in _CONTRACTIONS:
            lower = pattern.sub(written, lower)
        # "one" is seldom a number: "one of them", "the right one".
        words = [w if w == "one" else _NUMBER_WORDS.get(w, w).rstrip(".,:") for w in _TOKEN.findall(lower)]
        stems = [self._stemmer.stemWord(word) for word in words]
        rules = _EMPTY | _DENIALS | _CONDITIONS | _DUTIES | _CHOICES | _LIMITS | set(_PEOPLE) | {"one"}
        numbers = [place for place, word in enumerate(words) if _NUMBER.match(word)]
        telling = [place for place, word in enumerate(words) if word not in rules and place not in numbers]
        denials = [place for place, word in enumerate(words) if word in _DENIALS]
        doers = set()
        for place in telling:
            before = [_PEOPLE[word] for word in words[max(0, place - _NEAR) : place] if word in _PEOPLE]
            if before:
                doers.add((stems[place], before[-1]))
        return _Said(
            stems=frozenset(stems),
            content=frozenset(stems[place] for place in telling),
            numbers=frozenset(words[place] for place in numbers),
            units=frozenset((words[place], stem) for place in numbers for stem in stems[place + 1 : place + 3]),
            measured=tuple((words[place], stems[place + 1]) for place in numbers if place + 1 in telling),
            denials=len(denials),
            denied=frozenset(stems[t] for d in denials for t in [t for t in telling if t > d][:2]),
            conditions=_CONDITIONS & set(words),
            limits=_LIMITS & set(words),
            claims=_CLAIMS & set(words),
            duty=any(word in _DUTIES for word in words),
            choice=any(word in _CHOICES for word in words),
            doers=frozenset(doers),
        )


_RULES = (
    "too few of its words stand there",
    "a number does not stand there",
    "a number has another unit",
    "a name does not stand there",
    "it claims more",
    "it denies otherwise",
    "a condition is lost or added",
    "a limit is lost or added",
    "duty and choice are mixed up",
    "a word stands for its opposite",
    "somebody else does it",
)


def _progress(reason: str) -> int:
    return _RULES.index(reason)


def _sentences(passage: str) -> list[str]:
    """The passage's sentences as plain text; of a table each row, with the head's words."""
    found = []
    for start, end in split_sentences(passage):
        text = passage[start:end]
        if not _TABLE_ROW.match(text):
            found.append(plain(text))
            continue
        head, *rows = [plain(row) for row in text.splitlines() if any(char.isalnum() for char in row)]
        found += [f"{head} {row}" for row in rows] or [head]
    return found
