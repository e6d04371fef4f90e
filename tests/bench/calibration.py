"""Calibration error (15 bins) on banking77's test split; temperature and vote are fitted on held-out training rows."""

from __future__ import annotations

import numpy as np

from agent.learning.evaluate import expected_calibration_error
from tests.bench import joint
from tests.bench.banking77 import test_rows
from tests.bench.result import Result

TARGET = 0.03


def measure() -> Result:
    model = joint.trained()
    rows = test_rows()
    outputs = model.read([row.text for row in rows])
    labels = np.array([row.labels[joint.BANKING] for row in rows])
    ours = expected_calibration_error(model.probabilities(outputs, joint.BANKING), labels, bins=15)
    before = expected_calibration_error(outputs.logits[joint.BANKING].softmax(-1).numpy(), labels, bins=15)
    detail = {"before": before, "temperature": model.temperatures[joint.BANKING]}
    return Result("calibration", ours, TARGET, ours <= TARGET, detail)
