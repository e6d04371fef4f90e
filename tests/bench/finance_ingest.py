"""finance_ingest: stocknet's tweets on ten shares taken in, scored, searched for reposts and summed up by day, in
messages per CPU-second; beside the rate at which the engine alone reads the same messages, in turn within one run.

In a process of its own, for its peak memory. The model has random weights: speed does not depend on them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine
from agent.model.serving import open_version
from apps.finance.columns import plain
from apps.finance.ingest import BATCH, Ingester
from apps.finance.items import open_items
from apps.finance.mentions import Finder
from apps.finance.setup import FOLDER, NAME, score_by
from apps.finance.times import Clock
from apps.finance.watchlist import load_doubtful, load_watchlist
from apps.finance.windows import legible
from tests.bench import data, serving
from tests.bench.result import Result

TARGET = 0.9
MOST_MEMORY = 2.0
"""GB, the libraries included."""
EVERY = 4
"""The engine alone reads one batch of so many: all of them would take as long again."""


def measure() -> Result:
    """The figure is the rate of ingest over that of the engine alone."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench.finance_ingest", folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    detail: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    figure = detail["messages per CPU-second"] / detail["the engine alone, messages per CPU-second"]
    ok = figure >= TARGET and detail["peak memory, GB"] < MOST_MEMORY
    return Result("finance_ingest", figure, TARGET, ok, detail | {"most memory, GB": MOST_MEMORY})


class _Meter:
    """Hears of each batch that was taken in, and lets the engine alone read some of them then and there."""

    def __init__(self, engine: InferenceEngine, texts: list[str]) -> None:
        self._engine, self._texts = engine, texts
        self._done = self.alone = self._batches = 0
        self.ingest_seconds = self.alone_seconds = 0.0
        self._began = time.process_time()

    def __call__(self, rows: int) -> None:
        self.ingest_seconds += time.process_time() - self._began
        batch, self._done = self._texts[self._done : rows], rows
        if self._batches % EVERY == 0:
            began = time.process_time()
            self._engine.predict(NAME, batch)
            self.alone_seconds += time.process_time() - began
            self.alone += len(batch)
        self._batches += 1
        self._began = time.process_time()


def _child(folder: Path) -> None:
    """Print the figures as a JSON object."""
    torch.set_num_threads(1)
    backbone = Backbone.load(device="cpu")
    engine = InferenceEngine()
    engine.swap(NAME, open_version(serving.save_version(backbone, folder, NAME), backbone))
    tweets = data.table("stocknet/tweets.csv")[: 4 * BATCH if data.QUICK else None]
    path = folder / "tweets.jsonl"
    path.write_text("".join(json.dumps(tweet) + "\n" for tweet in tweets), encoding="utf-8")
    meter = _Meter(engine, [legible(plain(tweet["text"])) for tweet in tweets])
    doubtful = load_doubtful(FOLDER / "doubtful.csv")
    companies = load_watchlist(data.FOLDER / "stocknet" / "stocks.csv", doubtful)
    with closing(open_items(folder)) as file:
        score = score_by(lambda texts: engine.predict(NAME, texts))
        clock = Clock(datetime.now(UTC))
        ingester = Ingester(file, Finder(companies, doubtful), frozenset(companies), score, clock)
        report = ingester.take_file(path, meter)
        [counts] = file.read(
            "SELECT (SELECT COUNT(*) FROM mentions) AS mentions, (SELECT COUNT(*) FROM days) AS days, "
            "(SELECT COUNT(repost_of) FROM items) AS reposts",
            [],
        )
    engine.close()
    figures = {
        "messages per CPU-second": report.ingest.rows / meter.ingest_seconds,
        "the engine alone, messages per CPU-second": meter.alone / meter.alone_seconds,
        "peak memory, GB": _peak_gigabytes(),
        "messages": report.ingest.rows,
        "items": report.ingest.items,
        "rejected": report.rejects,
        **counts,
    }
    print(json.dumps(figures))


def _peak_gigabytes() -> float:
    """Of this process alone; what ``getrusage`` gives begins with its parent's."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024 / 1e9


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
