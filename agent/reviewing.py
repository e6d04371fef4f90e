"""What a reviewer is offered: the queue, groups of messages without an intent, and labels that look wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.candidates import candidates, compared, outside
from agent.database import DataFile
from agent.learning.groups import MOST, SMALLEST, group
from agent.learning.labels import Suggestion, label_errors
from agent.learning.queue import BATCH, Candidate, Item, queue
from agent.learning.reviewed import ReviewedData
from agent.model.memory import Memory
from agent.reviews import ReviewBook
from agent.text import text_key

Matrix = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Matrix]
"""Texts to unit vectors (N, D): query vectors of the version in service, or frozen ones."""
LOOKED_INTO = 4
"""How many times the size of a batch is compared with the training examples before the batch is chosen."""


def review_queue(
    file: DataFile, app: str, data: ReviewedData, memory: Memory, encode: Encode, size: int = BATCH
) -> list[Item]:
    """The messages of the app that would teach the most, the best first.

    ``memory`` and ``encode`` are those of the version in service. It takes time for ``LOOKED_INTO * size`` messages
    at most to be read again.
    """
    reviewed = [review.text for review in ReviewBook(file).reviews(app)]
    examples = Counter(example.intent for example in data.everything.in_scope if example.intent)
    first = queue(candidates(file, app), examples, reviewed=reviewed, size=LOOKED_INTO * size)
    found = [replace(item.candidate, said=item.count) for item in first]
    closer = compared(found, memory, encode([c.text for c in found])) if found else []
    return queue(closer, examples, size=size)


@dataclass(frozen=True, slots=True)
class Wish:
    """What people ask and the app has no intent for."""

    messages: tuple[Candidate, ...]
    """The most typical first."""
    typical: tuple[str, ...]


def group_wishes(file: DataFile, app: str, encode: Encode) -> list[Wish]:
    """Groups of out-of-scope messages of which enough were not reviewed yet, the largest first."""
    reviews = ReviewBook(file).reviews(app)
    found = outside(candidates(file, app), reviews)[:MOST]
    texts = [candidate.text for candidate in found]
    groups = group(texts, encode(texts)) if texts else []
    done = {text_key(review.text) for review in reviews}
    new = [g for g in groups if sum(text_key(texts[row]) not in done for row in g.rows) >= SMALLEST]
    return [Wish(tuple(found[row] for row in g.rows), g.typical) for g in new]


def wrong_labels(data: ReviewedData, encode: Encode) -> list[tuple[str, Suggestion]]:
    """Texts of the app's examples whose intent looks wrong, the worst first; ``encode`` gives frozen vectors."""
    examples = data.everything.in_scope
    labels = [example.intent or "" for example in examples]
    found = label_errors(encode([example.text for example in examples]), labels) if examples else []
    return [(examples[suggestion.row].text, suggestion) for suggestion in found]
