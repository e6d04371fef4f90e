"""Report: what was measured of one model on one test split, and Outcomes: the same text by text.

Plain data; no torch here. A Report is ready for JSON.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label; all but ``support`` in [0, 1]. A label that was never predicted has precision 0."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """``count`` texts of label ``true`` were taken for ``predicted``; ``texts`` are the first few."""

    true: str
    predicted: str
    count: int
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The texts whose confidence lies in (low, high]; both means are 0 in an empty bin."""

    low: float
    high: float
    count: int
    confidence: float
    """Mean confidence, 0 to 1."""
    accuracy: float


@dataclass(frozen=True, slots=True)
class ClassifierReport:
    """Figures of one classifier head, all in [0, 1]."""

    count: int
    accuracy: float
    precision: float
    """This, recall and F1 are plain means over the labels that occur in the test split."""
    recall: float
    f1: float
    labels: tuple[LabelFigures, ...]
    """The model's labels in its order, then those of the test split that it does not know."""
    matrix: tuple[tuple[int, ...], ...]
    """Rows are true, columns predicted; both in the order of ``labels``."""
    confusions: tuple[Confusion, ...]
    """The largest, most frequent first."""
    ece: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """At this threshold, the shares of in-scope and of out-of-scope texts that are refused."""

    threshold: float
    in_scope_lost: float
    recall: float


@dataclass(frozen=True, slots=True)
class ScopeReport:
    """The out-of-scope score; shares in [0, 1]."""

    in_scope: int
    out_of_scope: int
    auroc: float
    threshold: float
    recall: float
    """Share of the out-of-scope texts that are refused."""
    precision: float | None
    """Share of out-of-scope texts among those refused; None if none is."""
    in_scope_lost: float
    """Share of the in-scope texts that are refused."""
    understood_lost: float
    """The same of the in-scope texts whose intent was read correctly; 0 if there is none."""
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class RankingFigures:
    """The right document's place among all; each 0 to 1, over all questions."""

    accuracy_at_1: float
    mrr_at_10: float
    ndcg_at_10: float


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """Questions against all documents; a document's score is its best passage's cosine."""

    count: int
    documents: int
    query: RankingFigures
    """Of the model's query vector."""
    frozen: RankingFigures
    """Of the frozen embedding of the same questions."""
    unknown: tuple[str, ...] = ()
    """Documents that test questions name and the knowledge base lacks; those questions are left out."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured of one model on one test split. A part without data is None."""

    model_version: str
    created: str
    """UTC, ISO 8601."""
    seconds: float
    counts: Mapping[str, int]
    """Texts in all (``texts``) and by what is known of them; ``documents`` and ``passages``."""
    intent: ClassifierReport | None = None
    sentiment: ClassifierReport | None = None
    out_of_scope: ScopeReport | None = None
    retrieval: RetrievalReport | None = None

    def to_dict(self) -> dict[str, Any]:
        """Dictionaries, lists, texts and numbers only. Raises ValueError if a figure is not finite."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self), allow_nan=False))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """What ``to_dict`` gave. Raises ValueError naming a key that is unknown or missing."""
        report: Report = _build(cls, data)
        return report


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one model made of each text of a test split, in the split's order: two models' are compared in pairs."""

    texts: tuple[str, ...] = ()
    """Those whose intent is known; the next three say what it is, what the model took it for and how surely, 0 to 1."""
    true: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    confidences: tuple[float, ...] = ()
    inside: tuple[float, ...] = ()
    """Out-of-scope score of each of these texts, 0 to 1; empty if the model has no such score."""
    outside: tuple[float, ...] = ()
    """The same of the texts that are out of scope."""
    feelings: tuple[bool, ...] = ()
    """Of each text whose sentiment is known whether the model found it."""
    ranks: tuple[float, ...] = ()
    """Of each question whose document is known, one over the rank of that document; 0 beyond the tenth."""

    @property
    def right(self) -> tuple[bool, ...]:
        """Of each text whether its intent was found."""
        return tuple(t == p for t, p in zip(self.true, self.predicted, strict=True))


@dataclass(frozen=True, slots=True)
class Measured:
    """One model on one test split."""

    report: Report
    outcomes: Outcomes


def _build(kind: Any, value: Any) -> Any:
    """JSON to a value of type ``kind``: dataclasses, tuples of one type, ``X | None`` and plain values."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if value is None else _build(arguments[0], value)
    if origin is tuple:
        return tuple(_build(arguments[0], item) for item in value)
    if not dataclasses.is_dataclass(kind):
        return value
    hints = get_type_hints(kind)
    needed = {f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING}
    for wrong, problem in ((set(value) - set(hints), "unknown"), (needed - set(value), "missing")):
        if wrong:
            raise ValueError(f"Not a report of this version: {problem} in {kind}: {', '.join(sorted(wrong))}.")
    return kind(**{name: _build(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
