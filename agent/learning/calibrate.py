"""What is fitted after training, on held-out data and never on the test set: temperatures and the
out-of-scope score with its threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from agent.model.multitask import Outputs
from agent.model.scope import ScopeScorer, strangeness

Matrix = NDArray[np.float32]
Read = Callable[[Sequence[str]], Outputs]
"""Texts to what the model's heads say of them."""

WEIGHTS_WITHOUT_OUTSIDERS = (1.0, 0.0, 1.0, 0.0)
"""Of energy, softmax, neighbours and feature neighbours, each standardised, where no out-of-scope text
is known. Of six sets of weights the best on clinc150's validation split (AUROC 0.988; energy alone 0.981,
softmax 0.974, neighbours 0.975, feature neighbours 0.951, all four alike 0.986)."""
LOSS_BUDGET = 0.025
"""Share of the held-out messages that were understood and may be lost to the threshold."""
ENOUGH_OUTSIDERS = 10
"""With so many held-out out-of-scope texts the weights are fitted to them."""


def fit_temperature(logits: Matrix, labels: Sequence[int]) -> float:
    """The temperature that minimises the negative log-likelihood (Guo et al. 2017), within 0.05 to 20."""
    target = np.asarray(labels)
    rows = np.arange(len(target))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(1, keepdims=True)
        log_sum = top[:, 0] + np.log(np.exp(scaled - top).sum(1))
        return float((log_sum - scaled[rows, target]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def fit_scope(
    read: Read,
    head: str,
    known: Sequence[str],
    held_out: Sequence[str],
    held_out_labels: Sequence[int],
    outsiders: Sequence[str] = (),
) -> ScopeScorer:
    """The out-of-scope scorer of the intent head ``head``.

    ``known`` are the training texts; ``held_out`` in-scope texts with their labels that were not
    trained on; ``outsiders`` held-out out-of-scope texts. With enough outsiders the weights of the parts are a logistic
    regression's and the threshold is where the two kinds of error are balanced best; without, fixed weights
    and the threshold that loses LOSS_BUDGET of what the model understood.
    """
    memory, inside = read(known), read(held_out)
    assert memory.query is not None
    queries, features = memory.query.numpy(), memory.features[head].numpy()

    def parts_of(outputs: Outputs) -> Matrix:
        assert outputs.query is not None
        return strangeness(
            outputs.logits[head].numpy(), outputs.features[head].numpy(), outputs.query.numpy(), features, queries
        )

    inside_parts = parts_of(inside)
    centre, scale = inside_parts.mean(0), inside_parts.std(0) + 1e-9
    outside_parts = parts_of(read(outsiders)) if len(outsiders) >= ENOUGH_OUTSIDERS else None
    weights = np.array(WEIGHTS_WITHOUT_OUTSIDERS)
    if outside_parts is not None:
        weights = _fitted_weights((inside_parts - centre) / scale, (outside_parts - centre) / scale)
    scorer = ScopeScorer(
        queries, features, tuple(map(float, centre)), tuple(map(float, scale)), tuple(map(float, weights)), 0.0
    )
    sums = scorer.combined(inside_parts)
    understood = inside.logits[head].numpy().argmax(1) == np.asarray(held_out_labels)
    if outside_parts is None:
        threshold = _threshold_by_loss(sums, understood)
    else:
        threshold = _threshold_by_balance(sums, understood, scorer.combined(outside_parts))
    return ScopeScorer(
        queries, features, scorer.centre, scorer.scale, scorer.weights, float(threshold), float(sums.std()) or 1.0
    )


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
