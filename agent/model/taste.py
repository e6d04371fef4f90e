"""TasteModel: what somebody may like, from what they did, from what they say, from both or from neither.

The score of an item is a sum, so that each part can be told: how near its text is to those of liked items and to the
words, how liked items are linked to it in other users' histories, and what the recommendation head makes of events and
words in their order. Later events count more, disliked items push away. Without events and words the most liked items
come first; which ones may be ranked at all is the caller's mask, so that it is popularity within a segment.

It knows nothing of users' names, of attributes, of files and of training.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from agent.errors import ModelError
from agent.model.backbone import mean_pool
from agent.model.heads import RecommendationHead
from agent.model.history import Past, history_of, known_events, past_of
from agent.model.items import ItemSpace, Mask, Matrix
from agent.model.learned import Learned
from agent.types import Event

Vector = NDArray[np.float32]
PARTS = ("likes", "texts", "links", "words", "head")
"""What a score is the sum of, by the names of the weights in ``Mix``."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How the parts of a score are weighed; chosen on validation cases where there are enough."""

    recency: float = 0.75
    """What an event counts, relative to the one after it, for texts and links; 0 to 1."""
    texts: float = 1.0
    words: float = 3.0
    links: float = 0.0
    head: float = 0.0
    likes: float = 1e-3
    """Of the logarithm of one plus the number of users who liked the item: what decides where nothing else does."""


@dataclass(frozen=True, slots=True)
class Taste:
    """What a version learned beside its recommendation head."""

    learned: Learned
    mix: Mix


@dataclass(frozen=True, slots=True)
class Scored:
    """An item with its score; scores of one ranking compare, those of two do not."""

    item: str
    score: float


@dataclass(frozen=True, slots=True)
class Reason:
    """What moved an item's score: the score with all there is, less the score without this."""

    event: Event | None
    """None: it is the words."""
    weight: float
    """More than 0 if it moved the item up."""


class TasteModel:
    """Ranks items for one user at a time; any thread may call it.

    ``history`` is always one user's events in any order, of which the latest with known items count; ``words`` is a
    message's ``Prediction.taste_vector`` (D,) or None; ``feelings`` gives, by event id, how the user spoke of the item,
    -1 to 1; ``allowed`` (N,) are the only rows that are ranked at all.
    """

    def __init__(self, space: ItemSpace, head: RecommendationHead, taste: Taste) -> None:
        """``taste`` may be of other items than those of the space."""
        self.space = space
        self.head = head.eval()
        self.mix = taste.mix
        self._origin = taste.learned
        self.learned = taste.learned.over(space)
        with torch.no_grad():
            self._table = head.table(torch.from_numpy(space.texts), torch.from_numpy(self.learned.offsets))  # (N, W)
            self._prior = torch.from_numpy(np.log1p(self.learned.likes))  # (N,)

    @classmethod
    def untrained(cls, space: ItemSpace) -> TasteModel:
        """Ranks by texts alone: words and liked items pull, disliked ones push; without either every item is equal.
        What an app serves until something was learned."""
        head = RecommendationHead(space.dimension, mean_pool)
        return cls(space, head, Taste(Learned.nothing(head.shape.width), Mix()))

    def with_mix(self, mix: Mix) -> TasteModel:
        """The same model with its parts weighed otherwise."""
        other = copy.copy(self)
        other.mix = mix
        return other

    def over(self, space: ItemSpace) -> TasteModel:
        """The same model over another catalogue; what it learned of items that both have stays theirs."""
        return TasteModel(space, self.head, Taste(self._origin, self.mix))

    def scores(
        self, history: Sequence[Event] = (), words: Vector | None = None, *, feelings: Mapping[str, float] | None = None
    ) -> Vector:
        """(N,): of every item."""
        past = past_of(known_events(history, self.space), self.space, feelings)
        found: Vector = self.scores_of([past], None if words is None else words[None])[0]
        return found

    def scores_of(self, pasts: Sequence[Past], words: Matrix | None = None) -> Matrix:
        """Of every item for B users, (B, N); ``words`` are (B, D)."""
        weights = {name: getattr(self.mix, name) for name in PARTS}
        parts = self.parts_of(pasts, words, [name for name, weight in weights.items() if weight])
        found = np.zeros((len(pasts), len(self.space)), np.float32)
        for name, part in parts.items():
            found += np.float32(weights[name]) * part
        return found

    def parts_of(
        self, pasts: Sequence[Past], words: Matrix | None = None, names: Collection[str] = PARTS
    ) -> dict[str, Matrix]:
        """What the weights of the mix with those names are multiplied with: (B, N), or (N,) if it is the same for all;
        nothing of words where there are none."""
        space, parts = self.space, dict[str, Matrix]()
        pulls = self._pulls(pasts)
        if "likes" in names:
            parts["likes"] = self._prior.numpy()
        if "texts" in names:
            # Held against the centre of all: what every text of the catalogue says, speaks for none of them.
            liked = pulls @ space.texts - np.asarray(pulls.sum(1)) * space.centre  # (B, D)
            parts["texts"] = liked @ space.texts.T
        if "links" in names:
            parts["links"] = (pulls @ self.learned.links).toarray()
        if "words" in names and words is not None:
            parts["words"] = words @ space.texts.T
        if "head" in names:
            parts["head"] = self._by_head(pasts, words)
        return parts

    def _pulls(self, pasts: Sequence[Past]) -> csr_matrix:
        """(B, N): how much each user's events speak for their own items; of several with one item the latest counts."""
        starts, items, values = [0], list[int](), list[float]()
        for past in pasts:
            pull = past.strengths * self.mix.recency ** np.arange(len(past) - 1, -1, -1)
            latest = dict(zip(past.rows.tolist(), pull.tolist(), strict=True))
            items += latest.keys()
            values += latest.values()
            starts.append(len(items))
        return csr_matrix((np.array(values, np.float32), items, starts), (len(pasts), len(self.space)))

    @torch.inference_mode()
    def _by_head(self, pasts: Sequence[Past], words: Matrix | None) -> Matrix:
        """(B, N); zeros for a user without events and words."""
        found = np.zeros((len(pasts), len(self.space)), np.float32)
        with_events = [i for i, past in enumerate(pasts) if len(past)]
        without = [i for i, past in enumerate(pasts) if not len(past) and words is not None]
        for rows in (with_events, without):
            if rows:
                history = history_of([pasts[i] for i in rows], self._table) if rows is with_events else None
                said = None if words is None else torch.from_numpy(words[rows])
                found[rows] = self.head.scores(self.head(history, said), self._table, self._prior).numpy()
        return found

    def rank(
        self,
        history: Sequence[Event] = (),
        words: Vector | None = None,
        *,
        allowed: Mask | None = None,
        k: int = 10,
        feelings: Mapping[str, float] | None = None,
    ) -> list[Scored]:
        """The ``k`` best of the allowed items, best first; fewer if fewer are allowed. Equal scores stay in the
        order of the rows."""
        return self._best(self.scores(history, words, feelings=feelings), allowed, k)

    def _best(self, scores: Vector, allowed: Mask | None, k: int) -> list[Scored]:
        rows = np.arange(len(self.space)) if allowed is None else np.flatnonzero(allowed)
        best = rows[np.argsort(-scores[rows], kind="stable")[:k]]
        return [Scored(self.space.ids[row], float(scores[row])) for row in best]

    def similar(self, item: str, *, allowed: Mask | None = None, k: int = 10) -> list[Scored]:
        """The items nearest to one, itself left out: as if it were the one thing that somebody liked. Raises ModelError
        if there is no such item."""
        row = self._row(item)
        others = np.ones(len(self.space), np.bool_) if allowed is None else allowed.copy()
        others[row] = False
        mix, space = self.mix, self.space
        scores = mix.texts * (space.texts @ (space.texts[row] - space.centre))
        scores += mix.links * self.learned.links[row].toarray()[0]
        return self._best(scores, others, k)

    def _row(self, item: str) -> int:
        row = self.space.row(item)
        if row is None:
            raise ModelError(f"The catalogue has no item '{item}'.")
        return row

    def diverse(self, ranked: Sequence[Scored], k: int, dial: float) -> list[Scored]:
        """``k`` of ``ranked`` by maximal marginal relevance (Carbonell and Goldstein 1998), scores brought to the range
        0 to 1 first; ``dial`` 0 keeps the order, 1 looks at the difference alone."""
        if not ranked:
            return []
        values = np.array([one.score for one in ranked])
        worth = (values - values.min()) / (np.ptp(values) or 1.0)
        texts = self.space.texts[[self._row(one.item) for one in ranked]]
        likeness = texts @ texts.T
        nearest = np.zeros(len(ranked))  # to those chosen so far
        left, chosen = list(range(len(ranked))), list[int]()
        while left and len(chosen) < k:
            best = max(left, key=lambda i: ((1 - dial) * worth[i] - dial * nearest[i], -i))
            left.remove(best)
            chosen.append(best)
            nearest = np.maximum(nearest, likeness[best])
        return [ranked[i] for i in chosen]

    def explain(
        self,
        item: str,
        history: Sequence[Event] = (),
        words: Vector | None = None,
        *,
        feelings: Mapping[str, float] | None = None,
        most: int = 3,
    ) -> list[Reason]:
        """The events and the words that moved the item's score most, the strongest first, by leaving each out.
        Raises ModelError if there is no such item."""
        row = self._row(item)
        events = known_events(history, self.space)
        past = past_of(events, self.space, feelings)
        places = np.arange(len(past))
        pasts = [past, *(past.at(places[places != left_out]) for left_out in places)]
        said = None if words is None else np.repeat(words[None], len(pasts), 0)
        scores = self.scores_of(pasts, said)[:, row]
        reasons = [Reason(event, float(scores[0] - s)) for event, s in zip(events, scores[1:], strict=True)]
        if words is not None:
            reasons.append(Reason(None, float(scores[0] - self.scores_of([past])[0, row])))
        return sorted(reasons, key=lambda reason: -abs(reason.weight))[:most]
