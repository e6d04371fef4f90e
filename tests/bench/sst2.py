"""sst2 test accuracy of the joint model, beside the same head trained alone."""

from __future__ import annotations

from tests.bench import joint
from tests.bench.result import Result

MOST_LOST = 0.005


def measure() -> Result:
    """The figure is the joint model's accuracy; the target, the lone head's less MOST_LOST."""
    rows = joint.sst_rows("test")
    ours = joint.accuracy(joint.trained(), rows, joint.SST)
    alone = joint.accuracy(joint.trained((joint.SST,)), rows, joint.SST)
    detail = {"alone": alone, "difference": ours - alone, "TF-IDF floor": 0.813}
    return Result("sst2", ours, alone - MOST_LOST, ours >= alone - MOST_LOST, detail)
