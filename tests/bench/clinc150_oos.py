"""clinc150 out-of-scope AUROC; no out-of-scope text is seen in training or in fitting."""

from __future__ import annotations

import functools

import numpy as np

from agent.learning.evaluate import auroc
from agent.model.scope import PARTS, ScopeScorer, strangeness
from tests.bench import data, joint
from tests.bench.result import Result

TARGET = 0.980


def scorer() -> ScopeScorer:
    """Fitted to the train split and the in-scope validation split."""
    return joint.trained().scopes[joint.CLINC]


@functools.cache
def test_parts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parts of the score for the in-scope and the out-of-scope test texts, and which in-scope ones were understood."""
    model, fitted = joint.trained(), scorer()
    rows = data.labelled(data.table("clinc150/test.csv"), joint.CLINC, joint.labels(joint.CLINC))
    found = []
    for texts in ([row.text for row in rows], [row["text"] for row in data.table("clinc150/oos_test.csv")]):
        outputs = model.read(texts)
        assert outputs.query is not None
        logits = outputs.logits[joint.CLINC].numpy()
        features = outputs.features[joint.CLINC].numpy()
        parts = strangeness(logits, features, outputs.query.numpy(), fitted.features, fitted.queries)
        found.append((parts, model.probabilities(outputs, joint.CLINC).argmax(1)))
    understood = found[0][1] == np.array([row.labels[joint.CLINC] for row in rows])
    return found[0][0], found[1][0], understood


def measure() -> Result:
    inside, outside, _ = test_parts()
    fitted = scorer()
    ours = auroc(fitted.combined(inside), fitted.combined(outside))
    detail = {f"{part} alone": auroc(inside[:, i], outside[:, i]) for i, part in enumerate(PARTS)}
    detail |= {"frozen energy": 0.972, "frozen neighbours + softmax": 0.976}
    return Result("clinc150_oos", ours, TARGET, ours >= TARGET, detail)
