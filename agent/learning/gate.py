"""The gate: may a challenger take the champion's place, and why (not), in words that an operator understands.

Pure: it is given what was measured of both models, and reads no file. A figure counts as worse when the difference is
both surely below zero (exact McNemar test or 95 % bootstrap interval over the same texts) and larger than a tolerance
under which nobody would notice. An intent is judged by an interval of its own, so that a good mean hides no collapse
and few texts prove none. What was left out of the training is refused by name, whatever the figures say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.learning.figures import Measured, Outcomes
from agent.learning.pairs import (
    Array,
    Difference,
    aurocs,
    calibration_error,
    difference,
    macro_f1,
    mcnemar,
    means,
    newcombe,
    resamples,
)
from agent.model.scope import ScopeScorer

SURE = 0.05
FEWEST_TRAINED = 10
"""Training examples of an intent below which a loss of some is no sign of anything."""
FEWEST_RESAMPLED = 30
"""With fewer texts a bootstrap interval says too little, and the figure is not judged."""
SETS = {"frozen": "the frozen test set", "rolling": "the recent reviews"}


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What counts as worse. Shares are 0 to 1; a tolerance is the loss that passes even when it is sure."""

    fewest_texts: int = 50
    """In-scope texts that the frozen test set must have for a verdict at all."""
    accuracy: float = 0.003
    """Tolerance of accuracy, macro-F1 and, doubled, the sentiment's accuracy."""
    auroc: float = 0.005
    recall: float = 0.05
    """Of out-of-scope recall, which follows a threshold fitted on few texts."""
    refused: float = 0.02
    """Of the share of understood messages that are refused as out of scope."""
    calibration: float = 0.03
    retrieval: float = 0.01
    floor: float = 0.05
    """What an intent's recall may lose: it is refused when the whole interval of its difference lies below, and the
    exact McNemar test finds a difference."""
    data: float = 0.8
    """Share of the champion's training examples that a challenger must at least have had, of each kind."""
    intent_data: float = 0.5
    """The same of each intent's examples."""
    slower: float = 1.5
    """Times the champion's latency that passes, and ``slower_ms`` the milliseconds that pass in any case."""
    slower_ms: float = 2.0


@dataclass(frozen=True, slots=True)
class Training:
    """What a version was trained on."""

    intents: Mapping[str, int]
    """Examples of each intent."""
    kinds: Mapping[str, int]
    """Examples of each kind: in_scope, out_of_scope, sentiment, questions."""
    epochs: int = 0
    planned: int = 0
    finished: bool = True
    """False if it was cut short: neither all planned epochs were done nor had it stopped for want of improvement."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the gate looks at of one version."""

    version: str
    frozen: Measured
    rolling: Measured | None = None
    training: Training | None = None
    """None for a version that does not say what it was trained on."""
    latency_ms: float | None = None
    """Median time of one message, measured beside the other version's."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of both versions on the same texts."""

    texts: str
    """``frozen`` or ``rolling``."""
    count: int
    what: str
    champion: float
    challenger: float
    difference: float
    """Challenger minus champion, with its 95 % interval."""
    low: float
    high: float
    p: float | None
    """Of the exact McNemar test, where the figure is a share of right answers."""
    worse: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    reasons: tuple[str, ...]
    """Plain sentences: why not, or what was found where it passed."""
    comparisons: tuple[Comparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        found = [dataclasses.asdict(c) for c in self.comparisons]
        return {"passed": self.passed, "reasons": list(self.reasons), "comparisons": found}


def judge(champion: Figures, challenger: Figures, settings: GateSettings | None = None) -> Verdict:
    """Whether ``challenger`` may take the champion's place. Both were measured on the same texts."""
    settings = settings or GateSettings()
    reasons = list(_gaps(champion, challenger, settings))
    comparisons: list[Comparison] = []
    for name, first, second in (
        ("frozen", champion.frozen, challenger.frozen),
        ("rolling", champion.rolling, challenger.rolling),
    ):
        if first is not None and second is not None:
            found = list(_compared(name, first.outcomes, second.outcomes, settings))
            comparisons += found
            reasons += [_loss(c) for c in found if c.worse]
    reasons += _unfinished(challenger.training, comparisons)
    reasons += _slower(champion.latency_ms, challenger.latency_ms, settings)
    passed = not reasons
    return Verdict(passed, tuple(reasons or _findings(comparisons)), tuple(comparisons))


def _gaps(champion: Figures, challenger: Figures, settings: GateSettings) -> Iterator[str]:
    """What makes a comparison impossible, or unfair from the start."""
    before, now = champion.frozen.outcomes, challenger.frozen.outcomes
    if len(before.texts) < settings.fewest_texts:
        yield (
            f"The app's test/ folder has {len(before.texts)} messages whose intent is known, too few to judge a model: "
            f"{settings.fewest_texts} are needed."
        )
    for what, had, has in (
        ("reads no intents", before.texts, now.texts),
        ("has no out-of-scope score", before.inside, now.inside),
        ("reads no sentiment", before.feelings, now.feelings),
        ("looks nothing up", before.ranks, now.ranks),
    ):
        if had and not has:
            yield f"The challenger {what}, the champion does."
    if champion.training is None or challenger.training is None:
        return
    had_kinds, has_kinds = champion.training.kinds, challenger.training.kinds
    for kind, count in had_kinds.items():
        if has_kinds.get(kind, 0) < settings.data * count:
            yield (
                f"It was trained on {has_kinds.get(kind, 0)} {_KINDS[kind]} where the champion had {count}: "
                "a part of the data is missing."
            )
    for intent, now_has in challenger.training.intents.items():
        count = champion.training.intents.get(intent, 0)
        if count >= FEWEST_TRAINED and now_has < settings.intent_data * count:
            yield f"Intent '{intent}' had {now_has} training examples where the champion had {count}."


_KINDS = {
    "in_scope": "examples of intents",
    "out_of_scope": "out-of-scope texts",
    "sentiment": "texts with a sentiment",
    "questions": "questions with their article",
}


def _compared(name: str, first: Outcomes, second: Outcomes, settings: GateSettings) -> Iterator[Comparison]:
    s = settings
    if first.texts and second.texts:
        yield from _intents(name, first, second, s)
    if first.inside and second.inside and first.outside:
        yield from _scope(name, first, second, s)
    if first.feelings and second.feelings:
        yield _share(name, "sentiment accuracy", [first.feelings, second.feelings], 2 * s.accuracy)
    count = len(first.ranks)
    if second.ranks and count >= FEWEST_RESAMPLED:
        found = [means(o.ranks, resamples(count)) for o in (first, second)]
        yield _resampled(name, "retrieval MRR", count, found, s.retrieval)


def _intents(name: str, first: Outcomes, second: Outcomes, settings: GateSettings) -> Iterator[Comparison]:
    count = len(first.texts)
    yield _share(name, "accuracy", [first.right, second.right], settings.accuracy)
    if count >= FEWEST_RESAMPLED:
        drawn = resamples(count)
        f1 = [macro_f1(o.true, o.predicted, drawn) for o in (first, second)]
        yield _resampled(name, "macro-F1", count, f1, settings.accuracy)
        errors = [calibration_error(o.right, o.confidences, drawn) for o in (first, second)]
        yield _resampled(name, "calibration error", count, errors, settings.calibration, higher_is_better=False)
    for intent in sorted(set(first.true)):
        own = [i for i, true in enumerate(first.true) if true == intent]
        before, now = ([o.right[i] for i in own] for o in (first, second))
        if before != now:
            interval, p = newcombe(before, now), mcnemar(before, now)
            # Of many intents with few texts each, the interval alone would call one collapsed by chance.
            collapsed = interval.high < -settings.floor and p < SURE
            yield _comparison(name, f"recall of {intent}", len(own), before, now, interval, p, collapsed)


def _scope(name: str, first: Outcomes, second: Outcomes, settings: GateSettings) -> Iterator[Comparison]:
    outside = [[score >= ScopeScorer.THRESHOLD for score in o.outside] for o in (first, second)]
    yield _share(name, "out-of-scope recall", outside, settings.recall)
    # Of the messages that both understand: what is refused of them is lost by the score alone.
    both = [i for i, (a, b) in enumerate(zip(first.right, second.right, strict=True)) if a and b]
    if both:
        kept = [[o.inside[i] < ScopeScorer.THRESHOLD for i in both] for o in (first, second)]
        yield _share(name, "understood and let through", kept, settings.refused)
    if min(len(first.inside), len(first.outside)) >= FEWEST_RESAMPLED:
        # Two seeds: in- and out-of-scope texts are drawn apart.
        draws = resamples(len(first.inside)), resamples(len(first.outside), seed=1)
        scores = [aurocs(o.inside, o.outside, *draws) for o in (first, second)]
        yield _resampled(name, "out-of-scope AUROC", len(first.inside) + len(first.outside), scores, settings.auroc)


def _share(name: str, what: str, pair: Sequence[Sequence[bool]], tolerance: float) -> Comparison:
    """A share of right answers of both: McNemar decides, the bootstrap gives the interval."""
    first, second = pair
    drawn = resamples(len(first))
    interval, p = difference(means(first, drawn), means(second, drawn)), mcnemar(first, second)
    worse = p < SURE and interval.value < -tolerance
    return _comparison(name, what, len(first), first, second, interval, p, worse)


def _comparison(
    name: str,
    what: str,
    count: int,
    first: Sequence[bool],
    second: Sequence[bool],
    interval: Difference,
    p: float,
    worse: bool,
) -> Comparison:
    before, now = float(np.mean(first)), float(np.mean(second))
    return Comparison(name, count, what, before, now, interval.value, interval.low, interval.high, p, worse)


def _resampled(
    name: str, what: str, count: int, pair: Sequence[Array], tolerance: float, higher_is_better: bool = True
) -> Comparison:
    """A figure of all texts together, of both in each bootstrap sample: its interval decides."""
    first, second = pair
    found = difference(first, second)
    if higher_is_better:
        worse = found.high < 0 and found.value < -tolerance
    else:
        worse = found.low > 0 and found.value > tolerance
    return Comparison(
        name, count, what, float(first[0]), float(second[0]), found.value, found.low, found.high, None, worse
    )


def _unfinished(training: Training | None, comparisons: Sequence[Comparison]) -> list[str]:
    """A run that was cut short gets no benefit of the doubt: it must have come half the way, and be level on the frozen
    set."""
    if training is None or training.finished:
        return []
    if 2 * training.epochs < training.planned:
        return [f"Its training was cut short after {training.epochs} of {training.planned} epochs, not even half."]
    return [
        f"Its training was cut short after {training.epochs} of {training.planned} epochs, so it has to be level, "
        f"and {_figures(c)}."
        for c in comparisons
        if c.texts == "frozen" and c.what in ("accuracy", "macro-F1") and c.difference < 0 and not c.worse
    ]


def _slower(before: float | None, now: float | None, settings: GateSettings) -> list[str]:
    if before is None or now is None or now <= max(settings.slower * before, before + settings.slower_ms):
        return []
    return [f"It is too slow: {now:.1f} ms a message, where the champion takes {before:.1f} ms."]


def _loss(c: Comparison) -> str:
    if c.what.startswith("recall of "):
        return f"Intent '{c.what.removeprefix('recall of ')}' collapsed: {_figures(c)}."
    return f"Worse than the champion: {_figures(c)}."


def _figures(c: Comparison) -> str:
    test = "" if c.p is None else f", McNemar p = {c.p:.2g}"
    return (
        f"{c.what} on {SETS[c.texts]} went from {c.champion:.3f} to {c.challenger:.3f} "
        f"({c.difference:+.3f}, 95 % interval {c.low:+.3f} to {c.high:+.3f}{test}; {c.count} texts)"
    )


def _findings(comparisons: Sequence[Comparison]) -> list[str]:
    """What is said of a challenger that passed."""
    return [f"Not worse: {_figures(c)}." for c in comparisons if not c.what.startswith("recall of ")]
