"""What is fitted after training, on held-out data and never on the test set: temperatures, the neighbours' vote and the
out-of-scope score with its threshold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from agent.model.multitask import MultiTaskModel, Outputs
from agent.model.predictions import softmax
from agent.model.scope import ScopeScorer, strangeness
from agent.model.vote import NeighbourVote

Matrix = NDArray[np.float32]
Read = Callable[[Sequence[str]], Outputs]
"""Texts to what the model's heads say of them."""

WEIGHTS_WITHOUT_OUTSIDERS = (1.0, 0.0, 1.0, 0.0)
"""Of energy, softmax, neighbours and feature neighbours, each standardised, where no out-of-scope text
is known. Of six sets of weights the best on clinc150's validation split (AUROC 0.988; energy alone 0.981,
softmax 0.974, neighbours 0.975, feature neighbours 0.951, all four alike 0.986)."""
VOTE_WEIGHTS = tuple(step / 10 for step in range(7))
"""Weights of the neighbours' vote that are tried."""
LOSS_BUDGET = 0.025
"""Share of the held-out messages that were understood and may be lost to the threshold."""
ENOUGH_OUTSIDERS = 10
"""With so many held-out out-of-scope texts the weights are fitted to them."""


def fit_temperature(logits: Matrix, labels: Sequence[int]) -> float:
    """The temperature that minimises the negative log-likelihood (Guo et al. 2017), within 0.05 to 20."""
    return _temperature(logits, np.asarray(labels), 0.0, np.zeros_like(logits))[0]


def fit_intent(
    model: MultiTaskModel,
    head: str,
    known: Sequence[str],
    known_labels: Sequence[int],
    held_out: Sequence[str],
    held_out_labels: Sequence[int],
    outsiders: Sequence[str] = (),
    read: Read | None = None,
) -> None:
    """Fit an intent head's temperature, its neighbours' vote and its out-of-scope scorer, in place.

    ``known`` are the training texts; ``held_out`` in-scope texts that were not trained on; ``outsiders`` held-out
    out-of-scope texts. Labels are places in the head's labels. ``read`` stands for ``model.read`` where a caller
    knows the outputs already.
    """
    read = read or model.read
    memory, inside = read(known), read(held_out)
    model.temperatures[head], model.votes[head] = fit_vote(memory, known_labels, inside, held_out_labels, head)
    understood = model.probabilities(inside, head).argmax(1) == np.asarray(held_out_labels)
    outside = read(outsiders) if len(outsiders) >= ENOUGH_OUTSIDERS else None
    model.scopes[head] = fit_scope(memory, inside, understood, outside, head)


def fit_vote(
    memory: Outputs, memory_labels: Sequence[int], held_out: Outputs, labels: Sequence[int], head: str
) -> tuple[float, NeighbourVote]:
    """(temperature of the head, vote): the weight that gets most held-out texts right, then the smaller negative
    log-likelihood, which the temperature minimises for each weight.

    By the likelihood alone the weight would be too small: a vote of few neighbours is often right, but seldom sure.
    """
    assert memory.query is not None
    assert held_out.query is not None
    logits, target = held_out.logits[head].numpy(), np.asarray(labels)
    vote = NeighbourVote(memory.query.numpy(), np.asarray(memory_labels, np.int64), 0.0)
    shares = vote.shares(vote.near(held_out.query.numpy()), logits.shape[1])
    fits = []
    for weight in VOTE_WEIGHTS:
        temperature, loss = _temperature(logits, target, weight, shares)
        blend = (1 - weight) * softmax(logits, temperature) + weight * shares
        wrong = int((blend.argmax(1) != target).sum())
        fits.append((wrong, loss, temperature, weight))
    _, _, temperature, weight = min(fits)
    return temperature, dataclasses.replace(vote, weight=weight)


def _temperature(logits: Matrix, target: NDArray[np.int64], weight: float, shares: Matrix) -> tuple[float, float]:
    """(temperature, negative log-likelihood) with so much weight on the neighbours' shares."""
    rows = np.arange(len(target))

    def loss(log_temperature: float) -> float:
        own = softmax(logits, float(np.exp(log_temperature)))[rows, target]
        return float(-np.log((1 - weight) * own + weight * shares[rows, target] + 1e-12).mean())

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(best.x)), float(best.fun)


def fit_scope(
    memory: Outputs, inside: Outputs, understood: NDArray[np.bool_], outside: Outputs | None, head: str
) -> ScopeScorer:
    """The out-of-scope scorer of the intent head ``head``.

    ``memory`` was read from the training texts; ``inside`` from held-out in-scope texts, ``understood`` says which of
    them got the right intent; ``outside`` from held-out out-of-scope texts. With these the weights of the parts are a
    logistic regression's and the threshold is where the two kinds of error are balanced best; without, fixed weights
    and the threshold that loses LOSS_BUDGET of what the model understood.
    """
    assert memory.query is not None
    queries, features = memory.query.numpy(), memory.features[head].numpy()

    def parts_of(outputs: Outputs) -> Matrix:
        assert outputs.query is not None
        return strangeness(
            outputs.logits[head].numpy(), outputs.features[head].numpy(), outputs.query.numpy(), features, queries
        )

    inside_parts = parts_of(inside)
    centre, scale = inside_parts.mean(0), inside_parts.std(0) + 1e-9
    outside_parts = None if outside is None else parts_of(outside)
    weights = np.array(WEIGHTS_WITHOUT_OUTSIDERS)
    if outside_parts is not None:
        weights = _fitted_weights((inside_parts - centre) / scale, (outside_parts - centre) / scale)
    scorer = ScopeScorer(
        queries, features, tuple(map(float, centre)), tuple(map(float, scale)), tuple(map(float, weights)), 0.0
    )
    sums = scorer.combined(inside_parts)
    if outside_parts is None:
        threshold = _threshold_by_loss(sums, understood)
    else:
        threshold = _threshold_by_balance(sums, understood, scorer.combined(outside_parts))
    return dataclasses.replace(scorer, threshold=float(threshold), spread=float(sums.std()) or 1.0)


def _fitted_weights(inside: Matrix, outside: Matrix) -> Matrix:
    from sklearn.linear_model import LogisticRegression

    labels = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    fitted = LogisticRegression(class_weight="balanced").fit(np.concatenate([inside, outside]), labels)
    # A part that grows with strangeness cannot speak against it; correlated parts make such signs.
    weights = np.clip(fitted.coef_[0], 0, None)
    return weights if weights.any() else np.ones_like(weights)


def _threshold_by_loss(sums: Matrix, understood: NDArray[np.bool_]) -> float:
    allowed = int(LOSS_BUDGET * len(sums))
    highest = np.sort(sums[understood])[::-1]
    if not len(highest):
        return float(sums.max())
    return float(np.nextafter(highest[min(allowed, len(highest) - 1)], np.inf, dtype=sums.dtype))


def _threshold_by_balance(sums: Matrix, understood: NDArray[np.bool_], outside: Matrix) -> float:
    """Maximises accepted-and-understood plus refused-outsiders (Youden's J on what matters)."""
    values = np.sort(np.concatenate([sums, outside]))
    candidates = (values[1:] + values[:-1]) / 2
    gain = [(sums[understood] < t).mean() + (outside >= t).mean() for t in candidates]
    return float(candidates[int(np.argmax(gain))])
