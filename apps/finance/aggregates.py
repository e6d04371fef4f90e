"""The sums of a company's days: what trends are read from, instead of the items.

All fields but the day and the ticker add up: a week, a month or a sector is the sum of its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Day:
    """What the items of one day say of one company. A weight is the source's times the model's confidence."""

    day: date
    ticker: str
    n: int
    """Items, reposts counted."""
    stories: int
    """Items that are no reposts."""
    weight_sum: float
    weight_sq_sum: float
    """Sum of the squared weights: ``weight_sum ** 2`` over it is the effective number of items."""
    score_sum: float
    """Sum of weight times score; a score is the positive probability less the negative one, -1 to 1."""
    score_sq_sum: float
    """Sum of weight times squared score."""
    negative: int
    """Stories that are most probably negative; likewise the two below."""
    neutral: int
    positive: int
