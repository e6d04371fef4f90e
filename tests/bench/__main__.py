"""``python -m tests.bench [NAME ...]``: run the named benches, or all."""

from __future__ import annotations

import importlib
import sys
import time
import warnings
from pathlib import Path

from tests.bench import data
from tests.bench.result import show

NAMES = (
    "banking77",
    "sst2",
    "clinc150",
    "clinc150_oos",
    "clinc150_oos_threshold",
    "stackfaq",
    "bankfaqs",
    "movielens",
    "movielens_short",
    "movielens_cold",
    "four_heads",
    "volatility",
    "calibration",
    "finance_sentiment",
    "finance_transfer",
    "finance_ingest",
    "quick_learning",
    "label_errors",
    "loop",
    "poison",
    "gate",
    "new_intent",
    "support",
    "conversations",
    "two_companies",
    "finance_entities",
    "finance_query",
    "shifts",
    "grounding",
    "engine",
    "reply",
    "taste_cost",
    "swap",
    "crash",
    "load",
    "gpu",
    "memory",
    "million_items",
    "first_answer",
    "why",
)
WITHOUT_DATA = set(NAMES[NAMES.index("support") :])
"""These read no public data set."""


def main() -> None:
    """Run each bench; the last line printed is the last one's JSON."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    names = sys.argv[1:] or list(NAMES)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"No bench '{unknown[0]}'. Available: {', '.join(NAMES)}.")
    if not Path("tests/bench").is_dir():
        sys.exit("Run this from the project's root folder.")
    if not set(names) <= WITHOUT_DATA:
        data.require()
    for name in names:
        began = time.monotonic()
        result = importlib.import_module(f"tests.bench.{name}").measure()
        show(result, time.monotonic() - began)


if __name__ == "__main__":
    main()
