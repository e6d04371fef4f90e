"""Calibration error (15 bins) on banking77's test split, the temperature fitted on held-out training rows."""

from __future__ import annotations

import numpy as np

from agent.learning.calibrate import fit_temperature
from agent.learning.evaluate import expected_calibration_error
from tests.bench import data, joint
from tests.bench.banking77 import test_rows
from tests.bench.result import Result

TARGET = 0.03


def measure() -> Result:
    model = joint.trained()
    held_out = data.labelled(joint.banking_split()[0], joint.BANKING, joint.labels(joint.BANKING))
    logits = model.read([row.text for row in held_out]).logits[joint.BANKING].numpy()
    temperature = fit_temperature(logits, [row.labels[joint.BANKING] for row in held_out])
    rows = test_rows()
    raw = model.read([row.text for row in rows]).logits[joint.BANKING]
    labels = np.array([row.labels[joint.BANKING] for row in rows])
    ours = expected_calibration_error((raw / temperature).softmax(-1).numpy(), labels, bins=15)
    before = expected_calibration_error(raw.softmax(-1).numpy(), labels, bins=15)
    return Result("calibration", ours, TARGET, ours <= TARGET, {"before": before, "temperature": temperature})
