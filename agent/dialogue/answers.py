"""From passages to an answer: which passage, which of its sentences, and the citation.

Extracts and never rewrites, so that every word of an answer stands in its passage. Knows nothing of moods or
conversations.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from agent.domain import Domain
from agent.types import Citation, Prediction
from index.chunking import split_sentences
from index.knowledge import Hit

# What the score of a passage gains at most, times the probability of the intent that its article is about. On a
# quarter of the support app's training questions, held out, the right article came first in 0.68 without it, 0.71 with
# 0.1, 0.68 with 0.2; with the bonus for the likeliest intent's articles alone in 0.70.
INTENT_BONUS = 0.1

_MOST_SENTENCES = 3
_MOST_CHARACTERS = 420
# How much less the passage after an opening may score.
_NEARLY = 0.2
# How much less a passage may score than one that was quoted before, to come first in a follow-up.
_AS_WELL = 0.05
_RELATIVE_LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\((?![a-z][a-z0-9+.-]*:|/|#)([^)\s]+)\)", re.IGNORECASE)
# A sentence that leans on the one before it.
_LEANS = re.compile(
    r"(?:it|its|they|them|their|this|that|these|those|then|so|but|however|otherwise|in that case|if so|if not|also)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Sentences of a passage, word for word, and where they stand."""

    text: str
    """Markdown, from the passage."""
    hit: Hit
    score: float
    """The passage's score with the intent's bonus, 0 to 1."""
    start: int
    """Where the text begins in the passage."""
    end: int

    @property
    def key(self) -> str:
        """Names the excerpt within its app."""
        return f"{self.hit.passage.id}:{self.start}"


def fit(hit: Hit, domain: Domain, prediction: Prediction) -> float:
    """The passage's score, raised by how likely its article's intent is; 0 to 1."""
    article = domain.articles.get(hit.passage.document_id)
    if article is None:
        return hit.score
    likely = next((r.confidence for r in prediction.intents if r.name == article.intent), 0.0)
    return min(1.0, hit.score + INTENT_BONUS * likely)


def best_answers(
    hits: Sequence[Hit], domain: Domain, prediction: Prediction, told: Collection[str] = ()
) -> list[Answer]:
    """The answer from the fittest passage, none if none reaches the domain's ``knowledge`` threshold. Of passages that
    fit as well as each other, those quoted under the keys ``told`` come last.

    The opening of an article seldom holds the substance, so it is followed by the next best passage of the same
    document, if that fits nearly as well.
    """
    scored = sorted(((fit(hit, domain, prediction), hit) for hit in hits), key=lambda pair: -pair[0])
    if not scored or scored[0][0] < domain.thresholds.knowledge:
        return []
    level = [pair for pair in scored if pair[0] >= max(scored[0][0] - _AS_WELL, domain.thresholds.knowledge)]
    answers = [_answer(hit, domain, score) for score, hit in level]
    said = {key.rpartition(":")[0] for key in told}
    best = next((answer for answer in answers if answer.hit.passage.id not in said), answers[0])
    score, hit = best.score, best.hit
    if hit.passage.heading_path:
        return [best]
    more = [
        _answer(other, domain, its)
        for its, other in scored
        if other.passage.document_id == hit.passage.document_id and other is not hit and its >= score - _NEARLY
    ]
    return [best, *more[:1]]


def other_answers(best: Answer, hits: Sequence[Hit], domain: Domain, told: Collection[str]) -> list[Answer]:
    """What else there is to say, at most one answer that is not among the keys ``told``: what follows in the
    passage of ``best``, else the next passage of its document that fits nearly as well.
    """
    passage = best.hit.passage
    following = next((span for span in split_sentences(passage.text) if span[0] >= best.end), None)
    if following is not None:
        start, end = following
        hit = replace(best.hit, sentence=passage.text[start:end], start=start, end=end)
        rest = _answer(hit, domain, best.score)
        if rest.key not in told:
            return [rest]
    same = [hit for hit in hits if hit.passage.document_id == passage.document_id and hit.passage.id != passage.id]
    answers = [_answer(hit, domain, hit.score) for hit in same if hit.score >= domain.thresholds.knowledge]
    return [a for a in answers if a.key not in told and a.score >= best.score - _NEARLY][:1]


def _answer(hit: Hit, domain: Domain, score: float) -> Answer:
    start, end = span_around(hit.passage.text, hit.start)
    return Answer(_linked(hit.passage.text[start:end], domain), hit, score, start, end)


def span_around(text: str, place: int) -> tuple[int, int]:
    """The sentence at ``place`` with its neighbours: one to three sentences of the passage, whole list items."""
    spans = split_sentences(text)
    first = next(n for n, (_, end) in enumerate(spans) if end > place)
    last = first
    if text.startswith("|", spans[first][0]):
        # A row of a table says nothing without the others.
        while first > 0 and text.startswith("|", spans[first - 1][0]):
            first -= 1
        while last + 1 < len(spans) and text.startswith("|", spans[last + 1][0]):
            last += 1
        return spans[first][0], spans[last][1]
    if first > 0 and _LEANS.match(text, spans[first][0]):
        first -= 1
    while (
        last + 1 < len(spans)
        and last + 1 - first < _MOST_SENTENCES
        and spans[last + 1][1] - spans[first][0] <= _MOST_CHARACTERS
    ):
        last += 1
    return spans[first][0], spans[last][1]


def _linked(text: str, domain: Domain) -> str:
    """The text with its links between articles turned to their pages; links to other files become plain text."""

    def target(match: re.Match[str]) -> str:
        article = domain.articles.get(match[2].rpartition("/")[2].partition(".")[0])
        return f"[{match[1]}]({page_of(domain.name, article.id + '#1')})" if article else match[1]

    return _RELATIVE_LINK.sub(target, text)


def page_of(app: str, passage_id: str) -> str:
    """Where a passage can be read in full."""
    return f"/knowledge/{quote(app, safe='')}/{quote(passage_id)}"


def cite(hit: Hit, app: str, score: float) -> Citation:
    """The citation of a passage, linked to the page that shows it at the sentence."""
    passage = hit.passage
    page = f", page {passage.page}" if passage.page is not None else ""
    return Citation(
        passage_id=passage.id,
        title=passage.title,
        source=passage.source + page,
        url=f"{page_of(app, passage.id)}?s={hit.start}-{hit.end}",
        text=passage.text,
        sentence=hit.sentence,
        start=hit.start,
        end=hit.end,
        score=round(score, 4),
    )
