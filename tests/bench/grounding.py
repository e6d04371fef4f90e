"""The check of generated sentences on pairs written apart from those that it was fitted on.

The figure is the precision of "supported": of the sentences that pass, how many the passage says. The unsupported ones
are near misses: one number, word or denial off.
"""

from __future__ import annotations

import json
from pathlib import Path

from agent.grounding import Grounds
from tests.bench.result import Result

PAIRS = Path(__file__).parents[1] / "agent" / "grounding"
TARGET = 0.95


def shares(name: str) -> tuple[float, float, float]:
    """Precision and recall of "supported", and the share of near misses dropped, over the pairs of one file."""
    kept = supported = passed = unsupported = 0
    for line in (PAIRS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        grounds = Grounds([row["passage"]])
        kept += sum(grounds.check(sentence).supported for sentence in row["supported"])
        passed += sum(grounds.check(sentence).supported for sentence in row["unsupported"])
        supported += len(row["supported"])
        unsupported += len(row["unsupported"])
    return kept / (kept + passed), kept / supported, 1 - passed / unsupported


def measure() -> Result:
    """Read both files; the fitted one is shown beside."""
    precision, recall, dropped = shares("test")
    fit_precision, fit_recall, _ = shares("fit")
    detail = {
        "recall": recall,
        "near misses dropped": dropped,
        "precision, fitted pairs": fit_precision,
        "recall, fitted pairs": fit_recall,
    }
    return Result("grounding", precision, TARGET, precision >= TARGET, detail)
