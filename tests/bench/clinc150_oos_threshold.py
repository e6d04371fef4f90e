"""Out-of-scope recall on clinc150 at the threshold that was fitted without any out-of-scope text."""

from __future__ import annotations

from tests.bench.clinc150_oos import scorer, test_parts
from tests.bench.result import Result

TARGET = 0.85
MOST_LOST = 0.03


def measure() -> Result:
    """Met if recall reaches TARGET and no more than MOST_LOST of in-scope accuracy is lost."""
    inside, outside, understood = test_parts()
    fitted = scorer()
    recall = float((fitted.combined(outside) >= fitted.threshold).mean())
    lost = float((understood & (fitted.combined(inside) >= fitted.threshold)).mean())
    detail = {
        "in-scope accuracy lost": lost,
        "in-scope accuracy before": float(understood.mean()),
        "most that may be lost": MOST_LOST,
    }
    return Result("clinc150_oos_threshold", recall, TARGET, recall >= TARGET and lost <= MOST_LOST, detail)
