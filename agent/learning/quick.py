"""Quick learning: from reviews to Lessons beside a version, in the running service and within a second or two.

A lesson first counts for its own text alone, which costs no other text anything. Once the version has read the guard
(the app's frozen test set, and those of its examples that the version was not trained on), every lesson reaches as far
as it can without a loss there; one that costs the frozen test set even for its own text is held back. The adapter's
next training makes lasting what is learned here. It knows nothing of files, of engines or of threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.learning.data import Dataset
from agent.learning.decisions import OUTSIDE, Decision
from agent.learning.guard import Choice, Guard
from agent.model.lessons import Lesson, Lessons
from agent.model.vote import NeighbourVote
from agent.text import text_key
from agent.types import Prediction

AT_ONCE = 16
"""Texts of the guard that are read together, so that no customer waits long for them."""

Read = Callable[[Sequence[str]], Sequence[Prediction]]
"""Texts to what the version alone says of them."""
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A reviewed text that is not served as it was decided, with the id of its last review."""

    review: int
    reason: str


@dataclass(frozen=True, slots=True)
class QuickReport:
    """What was learned quickly, ready for JSON by ``dataclasses.asdict``."""

    version: str
    """The one that the lessons correct."""
    reviews: int
    """Reviewed texts that are served as decided."""
    known: int
    """Those that the version was trained on, which need no lesson."""
    held_back: tuple[HeldBack, ...]
    checked: bool
    """Whether the guard has been read; until then a lesson counts for its own text alone."""
    accuracy_before: float | None
    """Intent accuracy on the frozen test set, 0 to 1, without the lessons; None if no lesson was held against one."""
    accuracy_after: float | None
    seconds: float
    """That it took."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a version can be held against: all of it by the app's files, as they are now."""

    intents: Collection[str]
    """The domain's."""
    trained: Mapping[str, str | None]
    """Intent of every text that the version was trained on, by ``text_key``."""
    frozen: Dataset
    held_out: Dataset
    """Examples that it was not trained on."""


class QuickLearner:
    """Lessons for one version of an app's model. One thread at a time may use it."""

    def __init__(self, version: str, labels: Sequence[str], vote: NeighbourVote | None, known: Known) -> None:
        """``labels`` are the version's intents, in order; ``vote`` holds its training examples."""
        self.version = version
        self._labels = tuple(labels)
        self._vote = vote
        self._known = known
        self._queries: dict[str, Matrix] = {}
        self._guarded = [*known.frozen.examples, *known.held_out.examples]
        self._read: list[Prediction] = []
        self._guard: Guard | None = None
        self._frozen = {text_key(e.text): OUTSIDE if e.out_of_scope else e.intent for e in known.frozen.examples}

    @property
    def ready(self) -> bool:
        """Whether the guard has been read, or there is none."""
        return self._guard is not None or not self._guarded

    def prepare(self, read: Read) -> None:
        """Read the next AT_ONCE texts of the guard, which must not be ready."""
        behind = len(self._read)
        self._read += read([example.text for example in self._guarded[behind : behind + AT_ONCE]])
        if len(self._read) == len(self._guarded):
            frozen, held_out = self._known.frozen.examples, self._known.held_out.examples
            self._guard = Guard.of(frozen, held_out, self._read, self._labels, self._vote)
            self._read = []

    def learn(self, decisions: Iterable[Decision], read: Read) -> tuple[Lessons | None, QuickReport]:
        """The lessons of all ``decisions``, which are read if they were not read before; None if nothing is left."""
        began = time.monotonic()
        held_back: list[HeldBack] = []
        wanted: list[Decision] = []
        known = 0
        for decision in decisions:
            reason = self._refusal(decision)
            if reason:
                held_back.append(HeldBack(decision.reviews[-1].id, reason))
            elif self._knows(decision):
                known += 1
            elif decision.label is not None or decision.wrong_documents:
                wanted.append(decision)
        lessons = self._lessons(wanted, read)
        kept = lessons
        before = after = None
        if self._guard is not None and lessons:
            choice = Choice(self._guard, lessons)
            kept = []
            for place, decision in enumerate(wanted):
                if choice.take(place):
                    kept.append(choice.lessons[place])
                else:
                    held_back.append(HeldBack(decision.reviews[-1].id, "it costs the frozen test set accuracy"))
            before, after = choice.accuracy(alone=True), choice.accuracy()
        report = QuickReport(
            self.version,
            len(kept),
            known,
            tuple(held_back),
            self.ready,
            before,
            after,
            time.monotonic() - began,
        )
        return (Lessons(self.version, kept, self._labels, self._vote) if kept else None), report

    def _refusal(self, decision: Decision) -> str:
        """Why a decision cannot be taught, or an empty text."""
        if decision.disputed and decision.label is None and not decision.wrong_documents:
            return f"reviewers disagree on its {', '.join(decision.disputed)}"
        if decision.intent is not None and decision.intent not in self._known.intents:
            return f"the app has no intent '{decision.intent}'"
        frozen = self._frozen.get(text_key(decision.text))
        ours = OUTSIDE if decision.out_of_scope else decision.intent
        if frozen is not None and ours is not None and frozen != ours:
            return f"the frozen test set has the same text as '{frozen}'"
        return ""

    def _knows(self, decision: Decision) -> bool:
        """Whether the version was trained on what was decided."""
        beyond = decision.out_of_scope or decision.sentiment or decision.document or decision.wrong_documents
        return not beyond and self._known.trained.get(text_key(decision.text)) == decision.intent

    def _lessons(self, decisions: Sequence[Decision], read: Read) -> list[Lesson]:
        new = [decision.text for decision in decisions if decision.text not in self._queries]
        # What was undone or erased is forgotten here too.
        kept = {d.text: self._queries[d.text] for d in decisions if d.text in self._queries}
        for start in range(0, len(new), AT_ONCE):
            texts = new[start : start + AT_ONCE]
            kept |= {text: p.query_vector for text, p in zip(texts, read(texts), strict=True)}
        self._queries = kept
        return [
            Lesson(kept[d.text], d.intent, d.out_of_scope, d.sentiment, d.document, d.wrong_documents)
            for d in decisions
        ]
