"""Progress of long work in a terminal: a bar with a rate and the time left, or plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from agent.learning.run import Step

LINE_EVERY = 15.0
"""Seconds between lines where the output is no terminal."""


class Bar:
    """Counts work done against a total; a bar in a terminal, a line every LINE_EVERY seconds elsewhere."""

    def __init__(self, title: str, unit: str) -> None:
        self.title, self.unit = title, unit
        self._console = Console(file=sys.stderr)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=None, rate="")
        self._began: tuple[float, int] | None = None
        self._said = time.monotonic()

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, done: int, total: int, note: str = "") -> None:
        """``done`` of ``total`` units are done; ``note`` is shown beside the rate."""
        now = time.monotonic()
        if self._began is None:
            self._began = (now, done)
        seconds = now - self._began[0]
        rate = (done - self._began[1]) / seconds if seconds > 0 else 0.0
        text = f"{rate:.1f} {self.unit}/s {note}".strip()
        self._bar.update(self._task, completed=done, total=total, rate=text)
        if not self._console.is_terminal and (now - self._said > LINE_EVERY or done == total):
            left = (total - done) / rate if rate else 0.0
            self._said = now
            print(f"{self.title}: {done}/{total}, {text}, {left:.0f} s left", file=sys.stderr, flush=True)


class StepProgress(Bar):
    """A Bar over training steps, with the loss smoothed over the last ones."""

    def __init__(self, title: str) -> None:
        super().__init__(title, "steps")
        self._loss: float | None = None

    def __enter__(self) -> StepProgress:
        super().__enter__()
        return self

    def __call__(self, step: Step) -> None:
        loss = sum(step.losses.values())
        self._loss = loss if self._loss is None else 0.95 * self._loss + 0.05 * loss
        self.update(step.number, step.total, f"epoch {step.epoch + 1} loss {self._loss:.3f}")
