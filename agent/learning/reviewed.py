"""What an app learns from: its own examples, joined with what people decided in reviews.

A review is a fact and beats the app's file; a client's own word (``accept_corrections``) only adds to it. How much
one client can move is bounded, however much it says. Knows nothing of the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.config import Settings
from agent.learning.data import Dataset
from agent.learning.decisions import OUTSIDE, Decision, decide
from agent.learning.near import NEAR, near_duplicates, shapes
from agent.text import fraction, text_key
from agent.types import Example, StoredReview

ROLLING_SHARE = 0.2
"""Of the conversations with recent reviews, for the rolling test set."""
RECENT = 300
"""Reviewed texts that count as recent, the latest; those before go from the rolling test set to the training data."""
CLAIMS_OF_ONE_CLIENT = 5
"""Corrections that nobody reviewed count no more than so often for one client, over all intents. None counts that no
second client makes: a single wrong example can cost a small intent more than three points of recall."""
ALWAYS_OF_ONE_CLIENT = 5
"""Reviewed examples that one client may give to an intent, however few others it has."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A text on which the sources disagree, or a review that names what is no longer there."""

    text: str
    what: str
    """One plain sentence: what disagrees, and what was done."""


@dataclass(frozen=True, slots=True)
class ReviewedData:
    """Everything that trains or measures an app, but for its frozen test set."""

    dataset: Dataset
    """To train on; each text stands once."""
    rolling: Dataset
    """Recent reviews kept out of training: of the RECENT latest those of a fifth of the conversations, by a hash of
    their id."""
    conflicts: tuple[Conflict, ...]
    wrong_pairs: tuple[tuple[str, str], ...]
    """(text, id of a document that does not answer it); none of a text that is kept out."""
    reviewed: int
    """Examples of the dataset that come from reviews or corrections."""
    bounded: int
    """Texts left out: their client has said enough of that intent already, or is alone with what nobody reviewed."""

    @property
    def everything(self) -> Dataset:
        """The dataset with the rolling test set: for what is learned at once and judged on the frozen set alone."""
        return Dataset((*self.dataset.examples, *self.rolling.examples))


def with_reviews(
    seed: Dataset,
    reviews: Iterable[StoredReview],
    *,
    settings: Settings,
    frozen: Collection[str] = (),
    intents: Collection[str] | None = None,
    documents: Collection[str] | None = None,
) -> ReviewedData:
    """Join the app's examples with its reviews; pure, and the same for the same reviews.

    ``frozen`` are the texts of the frozen test set: a reviewed text that equals one is left out. ``intents`` and
    ``documents`` are those that the app has now; None takes every name.
    """
    kept_out = {text_key(text) for text in frozen}
    conflicts: list[Conflict] = []
    usable = [
        decision
        for decision in decide(r for r in reviews if r.reviewer or settings.accept_corrections)
        if text_key(decision.text) not in kept_out and _usable(decision, intents, documents, conflicts)
    ]
    bounded = _bounded(seed, usable, settings)
    examples = {text_key(e.text): e for e in seed.examples}
    held: list[Example] = []
    wrong_pairs: list[tuple[str, str]] = []
    reviewed = 0
    recent = {decision.reviews[0].id for decision in sorted(bounded, key=_first_review)[-RECENT:]}
    for decision in bounded:
        key = text_key(decision.text)
        old = examples.get(key)
        if old is None and decision.reviews[0].id in recent and _is_held_out(decision):
            held.append(_example(decision, None))
            continue
        wrong_pairs += [(decision.text, document) for document in decision.wrong_documents]
        if decision.label is None if old is None else not decision.reviewed:
            continue
        new = _example(decision, old)
        if old is not None and _differs(old, decision):
            conflicts.append(Conflict(old.text, _against_file(old, new)))
        examples[key] = new
        reviewed += 1
    return ReviewedData(
        dataset=Dataset(tuple(examples.values())),
        rolling=Dataset(tuple(held)),
        conflicts=tuple(conflicts),
        wrong_pairs=tuple(wrong_pairs),
        reviewed=reviewed,
        bounded=len(usable) - len(bounded),
    )


def _usable(
    decision: Decision,
    intents: Collection[str] | None,
    documents: Collection[str] | None,
    conflicts: list[Conflict],
) -> bool:
    """Whether a decision can be learned from; if not, ``conflicts`` is told why."""
    what = ""
    if decision.disputed:
        people = sorted({review.reviewer or "a client" for review in decision.reviews})
        what = f"{' and '.join(people)} disagree on its {' and '.join(decision.disputed)}; it is not learned from."
    elif intents is not None and decision.intent is not None and decision.intent not in intents:
        what = f"It was reviewed as '{decision.intent}', which is no intent of the app; it is not learned from."
    elif documents is not None:
        gone = sorted({d for d in (decision.document, *decision.wrong_documents) if d} - {*documents})
        if gone:
            what = f"It was reviewed with '{gone[0]}', which is no article of the app; it is not learned from."
    if what:
        conflicts.append(Conflict(decision.text, what))
    return not what


def _first_review(decision: Decision) -> int:
    return decision.reviews[0].id


def _is_held_out(decision: Decision) -> bool:
    """A text belongs to the conversation where it was first reviewed, so that later reviews do not move it."""
    conversation = decision.reviews[0].conversation_id
    return decision.reviewed and conversation != "" and fraction(conversation) < ROLLING_SHARE


def _example(decision: Decision, old: Example | None) -> Example:
    """The example that a decision makes, or makes of one that there is."""
    outside, intent = decision.out_of_scope, decision.intent
    document = decision.document
    if old is not None and not outside:
        document = document or (None if old.document in decision.wrong_documents else old.document)
        if intent is None:
            outside, intent = old.out_of_scope, old.intent
    return Example(
        old.text if old else decision.text,
        intent=intent,
        sentiment=decision.sentiment or (old.sentiment if old else None),
        document=document,
        out_of_scope=outside,
    )


def _differs(old: Example, decision: Decision) -> bool:
    said = (
        (OUTSIDE if old.out_of_scope else old.intent, OUTSIDE if decision.out_of_scope else decision.intent),
        (old.sentiment, decision.sentiment),
        (old.document, decision.document),
    )
    return any(before is not None and after is not None and before != after for before, after in said)


def _against_file(old: Example, new: Example) -> str:
    return f"The app's file has it as {_shown(old)}, reviews as {_shown(new)}; the reviews were taken."


def _shown(example: Example) -> str:
    known = (OUTSIDE if example.out_of_scope else example.intent, example.sentiment, example.document)
    return ", ".join(f"'{value}'" for value in known if value)


def _seconded(decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions without those claims of a client that no other client makes of nearly the same text."""
    by_label: dict[str | None, list[int]] = {}
    for place, decision in enumerate(decisions):
        if not decision.reviewed:
            by_label.setdefault(decision.label, []).append(place)
    dropped: set[int] = set()
    for places in by_label.values():
        vectors = shapes([decisions[place].text for place in places])
        clients = [{review.client_id for review in decisions[place].reviews} for place in places]
        for row, place in enumerate(places):
            alike = np.flatnonzero(vectors @ vectors[row].toarray().ravel() >= NEAR)
            if len(set().union(*(clients[other] for other in alike))) < 2:
                dropped.add(place)
    return [decision for place, decision in enumerate(decisions) if place not in dropped]


def _bounded(seed: Dataset, decisions: Sequence[Decision], settings: Settings) -> list[Decision]:
    """The decisions with no client above its bound; of too many, the latest stay.

    Near-duplicates that one client said and that were decided alike count once.
    """
    decisions = _seconded(decisions)
    sizes = Counter(OUTSIDE if e.out_of_scope else e.intent or e.sentiment or e.document for e in seed.examples)
    sizes.update(decision.label for decision in decisions)
    groups: dict[tuple[str, str | None], list[int]] = {}
    claims: Counter[str] = Counter()
    dropped: set[int] = set()
    for place in reversed(range(len(decisions))):
        decision = decisions[place]
        client = decision.reviews[0].client_id
        if not client:
            continue
        if not decision.reviewed:
            claims[client] += 1
            if claims[client] > CLAIMS_OF_ONE_CLIENT:
                dropped.add(place)
                continue
        groups.setdefault((client, decision.label), []).append(place)
    for (_, label), places in groups.items():
        others = sizes[label] - len(places)
        most = min(settings.client_examples, max(ALWAYS_OF_ONE_CLIENT, others * settings.client_percent // 100))
        doubles = near_duplicates([decisions[place].text for place in places])
        single = [place for place, double in zip(places, doubles, strict=True) if not double]
        dropped.update({*places} - {*single[:most]})
    return [decision for place, decision in enumerate(decisions) if place not in dropped]
