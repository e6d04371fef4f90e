"""How good a model is on a test split: every head is measured, and the figures go into a Report and its Outcomes.

It knows nothing of apps, files or terminals; ``agent.learning.report`` shows the Report, ``agent.learning.gate`` holds
two models against each other.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score, roc_curve

from agent.learning.data import Dataset
from agent.learning.figures import (
    ClassifierReport,
    Confusion,
    CurvePoint,
    LabelFigures,
    Measured,
    Outcomes,
    RankingFigures,
    ReliabilityBin,
    Report,
    RetrievalReport,
    ScopeReport,
)
from agent.learning.registry import now
from agent.model.multitask import INTENT, QUERY, SENTIMENT, MultiTaskModel
from agent.model.scope import ScopeScorer
from agent.types import Example

__all__ = [
    "Report",
    "auroc",
    "classifier_report",
    "evaluate_model",
    "expected_calibration_error",
    "measure_model",
    "reciprocal_ranks",
    "reliability_bins",
]

Matrix = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with texts read so far and texts in all."""

BINS = 15
CHUNK = 256
"""Texts read between two calls of the progress."""
MOST_CONFUSIONS = 20
TEXTS_A_CONFUSION = 3
MOST_CURVE_POINTS = 200
SCOPE = "scope"


def evaluate_model(
    model: MultiTaskModel, test: Dataset, documents: Mapping[str, Matrix], progress: Progress | None = None
) -> Report:
    """The figures alone of ``measure_model``."""
    return measure_model(model, test, documents, progress).report


def measure_model(
    model: MultiTaskModel, test: Dataset, documents: Mapping[str, Matrix], progress: Progress | None = None
) -> Measured:
    """Measure every head of a model on a test split.

    ``documents`` gives, by document id, the frozen unit vectors of its passages, (P, D) with P > 0.
    """
    began = time.monotonic()
    examples = test.examples
    known = [e for e in test.questions if e.document in documents]
    total, done = len(examples) + len(known), 0

    def tick(texts: int) -> None:
        nonlocal done
        done += texts
        if progress:
            progress(done, total)

    read = _read(model, [e.text for e in examples], tick)
    rows = {
        INTENT: [i for i, e in enumerate(examples) if e.intent is not None],
        SENTIMENT: [i for i, e in enumerate(examples) if e.sentiment is not None],
        SCOPE: [i for i, e in enumerate(examples) if e.out_of_scope],
        QUERY: [i for i, e in enumerate(examples) if e.document in documents],
    }
    parts: dict[str, ClassifierReport | None] = {INTENT: None, SENTIMENT: None}
    for head in parts:
        if rows[head] and head in read:
            chosen = [examples[i] for i in rows[head]]
            true = [str(e.intent if head == INTENT else e.sentiment) for e in chosen]
            parts[head] = classifier_report(read[head][rows[head]], model.labels(head), true, [e.text for e in chosen])
    scope = None
    if SCOPE in read and rows[INTENT] and rows[SCOPE]:
        names, best = model.labels(INTENT), read[INTENT][rows[INTENT]].argmax(1)
        understood = [names[b] == examples[i].intent for b, i in zip(best, rows[INTENT], strict=True)]
        scope = _scope_report(read[SCOPE][rows[INTENT]], read[SCOPE][rows[SCOPE]], np.array(understood))
    retrieval, inverse = None, np.empty(0)
    if QUERY in read and known:
        frozen = _frozen(model, [e.text for e in known], tick)
        right = [str(e.document) for e in known]
        inverse = _inverse_ranks(read[QUERY][rows[QUERY]], documents, right)
        lacking = sorted({str(e.document) for e in test.questions if e.document not in documents})
        retrieval = RetrievalReport(
            count=len(known),
            documents=len(documents),
            query=_ranking(inverse),
            frozen=_ranking(_inverse_ranks(frozen, documents, right)),
            unknown=tuple(lacking),
        )
    counts = {
        "texts": len(examples),
        "in_scope": len(rows[INTENT]),
        "out_of_scope": len(rows[SCOPE]),
        "sentiment": len(rows[SENTIMENT]),
        "questions": len(test.questions),
        "documents": len(documents),
        "passages": sum(len(vectors) for vectors in documents.values()),
    }
    seconds = time.monotonic() - began
    report = Report(model.version, now(), seconds, counts, parts[INTENT], parts[SENTIMENT], scope, retrieval)
    return Measured(report, _outcomes(model, examples, rows, read, inverse))


def _outcomes(
    model: MultiTaskModel,
    examples: Sequence[Example],
    rows: Mapping[str, Sequence[int]],
    read: Mapping[str, Matrix],
    inverse: NDArray[np.float64],
) -> Outcomes:
    """``rows`` and ``read`` as in ``measure_model``; ``inverse`` are the questions' inverse ranks."""
    felt: tuple[bool, ...] = ()
    if SENTIMENT in read:
        names, best = model.labels(SENTIMENT), read[SENTIMENT].argmax(1)
        felt = tuple(names[best[i]] == examples[i].sentiment for i in rows[SENTIMENT])
    if INTENT not in read:
        return Outcomes(feelings=felt, ranks=tuple(inverse.tolist()))
    names, probabilities = model.labels(INTENT), read[INTENT][rows[INTENT]]
    scores = read.get(SCOPE)
    return Outcomes(
        texts=tuple(examples[i].text for i in rows[INTENT]),
        true=tuple(str(examples[i].intent) for i in rows[INTENT]),
        predicted=tuple(names[i] for i in probabilities.argmax(1)),
        confidences=tuple(probabilities.max(1).tolist()),
        inside=() if scores is None else tuple(scores[rows[INTENT]].tolist()),
        outside=() if scores is None else tuple(scores[rows[SCOPE]].tolist()),
        feelings=felt,
        ranks=tuple(inverse.tolist()),
    )


def _read(model: MultiTaskModel, texts: Sequence[str], tick: Callable[[int], None]) -> dict[str, Matrix]:
    """By INTENT and SENTIMENT probabilities (N, L), by QUERY vectors (N, D), by SCOPE scores (N,)."""
    found: dict[str, list[Matrix]] = defaultdict(list)
    scope = model.scopes.get(INTENT)
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        outputs = model.read(chunk)
        for head in outputs.logits.keys() & {INTENT, SENTIMENT}:
            found[head].append(model.probabilities(outputs, head))
        if outputs.query is not None:
            query = outputs.query.numpy()
            found[QUERY].append(query)
            if scope:
                logits, features = outputs.logits[INTENT].numpy(), outputs.features[INTENT].numpy()
                found[SCOPE].append(scope.score(logits, features, query))
        tick(len(chunk))
    return {name: np.concatenate(pieces) for name, pieces in found.items()}


def _frozen(model: MultiTaskModel, texts: Sequence[str], tick: Callable[[int], None]) -> Matrix:
    pieces = []
    for start in range(0, len(texts), CHUNK):
        pieces.append(model.backbone.encode(texts[start : start + CHUNK], prompt="query"))
        tick(len(pieces[-1]))
    return np.concatenate(pieces)


def classifier_report(
    probabilities: Matrix, names: Sequence[str], true: Sequence[str], texts: Sequence[str]
) -> ClassifierReport:
    """Figures from probabilities (N, L), the L label names, and N true labels with their texts, N > 0.

    A true label that is not among ``names`` counts as misread, as the model cannot find it.
    """
    labels = [*names, *sorted(set(true) - set(names))]
    at = {name: i for i, name in enumerate(labels)}
    target, best = np.array([at[name] for name in true]), probabilities.argmax(1)
    every = np.arange(len(labels))
    figures = precision_recall_fscore_support(target, best, labels=every, zero_division=0)
    rows = tuple(
        LabelFigures(name, float(p), float(r), float(f), int(n))
        for name, p, r, f, n in zip(labels, *figures, strict=True)
    )
    present = [row for row in rows if row.support]
    matrix = confusion_matrix(target, best, labels=every)
    bins = reliability_bins(probabilities, target)
    return ClassifierReport(
        count=len(target),
        accuracy=float((target == best).mean()),
        precision=float(np.mean([row.precision for row in present])),
        recall=float(np.mean([row.recall for row in present])),
        f1=float(np.mean([row.f1 for row in present])),
        labels=rows,
        matrix=tuple(tuple(map(int, row)) for row in matrix),
        confusions=_confusions(labels, target, best, texts),
        ece=_gap(bins),
        bins=bins,
    )


def _confusions(
    labels: Sequence[str], target: NDArray[np.int64], best: NDArray[np.int64], texts: Sequence[str]
) -> tuple[Confusion, ...]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for t, p, text in zip(target.tolist(), best.tolist(), texts, strict=True):
        if t != p:
            found[labels[t], labels[p]].append(text)
    largest = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_CONFUSIONS]
    return tuple(Confusion(t, p, len(own), tuple(own[:TEXTS_A_CONFUSION])) for (t, p), own in largest)


def reliability_bins(
    probabilities: Matrix, labels: Sequence[int] | NDArray[Any], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Confidence against accuracy in ``bins`` of equal width over (0, 1].

    ``probabilities`` is (N, L), ``labels`` holds N column numbers; one outside 0..L-1 is never right.
    Raises ValueError if N is 0.
    """
    if not len(probabilities):
        raise ValueError("Calibration cannot be measured on no texts.")
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == np.asarray(labels)
    edges = np.linspace(0, 1, bins + 1)
    # A bin holds (low, high]; rounding may carry a confidence a little beyond 1.
    place = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, bins - 1)
    found = []
    for number in range(bins):
        own = place == number
        count = int(own.sum())
        means = (float(confidence[own].mean()), float(right[own].mean())) if count else (0.0, 0.0)
        found.append(ReliabilityBin(float(edges[number]), float(edges[number + 1]), count, *means))
    return tuple(found)


def _gap(bins: Sequence[ReliabilityBin]) -> float:
    return sum(b.count * abs(b.confidence - b.accuracy) for b in bins) / sum(b.count for b in bins)


def expected_calibration_error(probabilities: Matrix, labels: Sequence[int] | NDArray[Any], bins: int = BINS) -> float:
    """Mean distance of confidence from accuracy over bins of equal width (Guo et al. 2017), 0 to 1.

    ``probabilities`` is (N, L), ``labels`` holds N column numbers. Raises ValueError if N is 0.
    """
    return _gap(reliability_bins(probabilities, labels, bins))


def auroc(inside_scores: Matrix, outside_scores: Matrix) -> float:
    """How often an outsider scores higher than an insider, 0 to 1; a tie counts half.

    Raises ValueError if either is empty.
    """
    return float(roc_auc_score(*_outsiders(inside_scores, outside_scores)))


def _outsiders(inside: Matrix, outside: Matrix) -> tuple[Matrix, Matrix]:
    """Labels (1 for an outsider) and scores of both."""
    if not len(inside) or not len(outside):
        raise ValueError("Needs scores from inside and from outside.")
    labels = np.concatenate([np.zeros(len(inside)), np.ones(len(outside))]).astype(np.float32)
    return labels, np.concatenate([inside, outside])


def _scope_report(inside: Matrix, outside: Matrix, understood: NDArray[np.bool_]) -> ScopeReport:
    lost, refused = inside >= ScopeScorer.THRESHOLD, outside >= ScopeScorer.THRESHOLD
    all_refused = int(lost.sum() + refused.sum())
    return ScopeReport(
        in_scope=len(inside),
        out_of_scope=len(outside),
        auroc=auroc(inside, outside),
        threshold=ScopeScorer.THRESHOLD,
        recall=float(refused.mean()),
        precision=int(refused.sum()) / all_refused if all_refused else None,
        in_scope_lost=float(lost.mean()),
        understood_lost=float(lost[understood].mean()) if understood.any() else 0.0,
        curve=_curve(inside, outside),
    )


def _curve(inside: Matrix, outside: Matrix) -> tuple[CurvePoint, ...]:
    lost, recall, thresholds = roc_curve(*_outsiders(inside, outside))
    # The first threshold is infinite: nothing is refused.
    chosen = np.unique(np.linspace(1, len(thresholds) - 1, MOST_CURVE_POINTS).round().astype(int))
    return tuple(CurvePoint(float(thresholds[i]), float(lost[i]), float(recall[i])) for i in chosen)


def reciprocal_ranks(scores: Matrix, right: Sequence[Collection[int]], k: int = 10) -> Matrix:
    """One over the rank of the best right item where that is k or better, else 0; shape (N,).

    ``scores`` is (N, M), higher is better; ``right`` names, for each row, the right columns. A wrong
    item of equal score goes before a right one, so that a constant scorer earns nothing.
    Raises ValueError if a score is not finite.
    """
    if not np.isfinite(scores).all():
        raise ValueError("Scores must be finite to be ranked.")
    found = np.zeros(len(scores), np.float32)
    for i, (row, own) in enumerate(zip(scores, right, strict=True)):
        columns = list(own)
        if columns:
            best = row[columns].max()
            rank = 1 + int((row >= best).sum()) - int((row[columns] >= best).sum())
            found[i] = 1 / rank if rank <= k else 0
    return found


def _inverse_ranks(queries: Matrix, documents: Mapping[str, Matrix], right: Sequence[str]) -> NDArray[np.float64]:
    """One over the rank of each question's right document, 0 beyond the tenth; (N,)."""
    at = {name: i for i, name in enumerate(documents)}
    scores = np.stack([(queries @ vectors.T).max(1) for vectors in documents.values()], axis=1)  # (N, M)
    return reciprocal_ranks(scores, [(at[name],) for name in right], k=10).astype(float)


def _ranking(inverse: NDArray[np.float64]) -> RankingFigures:
    # With one right document the ideal gain is 1, so nDCG is 1 / log2(1 + rank) (Järvelin and Kekäläinen 2002).
    gains = [1 / np.log2(1 + 1 / r) if r else 0.0 for r in inverse]
    return RankingFigures(float((inverse == 1).mean()), float(inverse.mean()), float(np.mean(gains)))
