"""Linear probes over frozen embeddings: where a classifier head starts from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

INVERSE_REGULARISATION = 30.0
"""C of the logistic regression; 0.930 on banking77 with all data, 0.851 with 10 examples an intent."""


def fit_probe(vectors: NDArray[np.float32], labels: Sequence[int], classes: int) -> tuple[Tensor, Tensor]:
    """Weights (L, D) and biases (L,) of a multinomial logistic regression.

    A class without an example gets zero weights and the lowest bias, so that it is never preferred.
    """
    from sklearn.linear_model import LogisticRegression

    present = sorted(set(labels))
    weight = np.zeros((classes, vectors.shape[1]), np.float32)
    bias = np.zeros(classes, np.float32)
    if len(present) > 1:
        fitted = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=200).fit(vectors, np.asarray(labels))
        coefficients, intercepts = fitted.coef_, fitted.intercept_
        if len(present) == 2:  # scikit-learn keeps one row for two classes
            coefficients = np.concatenate([-coefficients, coefficients]) / 2
            intercepts = np.concatenate([-intercepts, intercepts]) / 2
        weight[present] = coefficients
        bias[present] = intercepts
        bias[[c for c in range(classes) if c not in set(present)]] = intercepts.min() - 1
    return torch.from_numpy(weight), torch.from_numpy(bias)
