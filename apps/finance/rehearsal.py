"""What the desk holds when its scripted conversations are rehearsed: the demo stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from agent.types import Prediction

from . import demo_stream
from .setup import Desk, clock_of, score_by


def prepare(data: Path, predict: Callable[[Sequence[str]], Sequence[Prediction]]) -> None:
    """Take the demo stream into the service's data folder ``data``."""
    desk = Desk.open(data)
    with closing(desk.file):
        desk.ingester(score_by(predict), clock_of()).take_file(demo_stream.ITEMS, demo=True)
