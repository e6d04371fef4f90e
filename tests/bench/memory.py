"""memory: what a further app's model adds to the resident memory of a process on a CPU, in MB."""

from __future__ import annotations

import gc
import itertools
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import torch

from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine
from agent.model.serving import open_version
from tests.bench import serving
from tests.bench.data import QUICK
from tests.bench.reply import TEXTS
from tests.bench.result import Result

TARGET = 60.0
APPS = ("first", "second", "third")


def measure() -> Result:
    """The figure is the mean of the second and the third app, in a process that finds their graphs kept."""
    with TemporaryDirectory() as folder:
        backbone = Backbone.load(device="cpu")
        for number, app in enumerate(APPS):
            open_version(serving.save_version(backbone, Path(folder), app, seed=number), backbone)
        command = [sys.executable, "-m", "tests.bench.memory", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        size = sum(file.stat().st_size for file in Path(folder, "models", APPS[0], "exports").iterdir()) / 1e6
    used: list[float] = json.loads(done.stdout.splitlines()[-1])
    added = [after - before for before, after in itertools.pairwise(used[1:])]
    figure = sum(added) / len(added)
    detail = {
        "backbone and libraries": used[0],
        "first app, with ONNX Runtime itself": used[1] - used[0],
        "second app": added[0],
        "third app": added[1],
        "a graph on disk": size,
        "word embeddings, shared": backbone.table.numel() * 4 / 1e6,
    }
    return Result("memory", figure, TARGET, figure <= TARGET, detail)


def _resident() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


def _child(folder: Path) -> None:
    """Print the resident memory in MB before any app and after each, as a JSON list."""
    torch.set_num_threads(1)
    backbone = Backbone.load(device="cpu")
    backbone.encode(TEXTS)
    engine = InferenceEngine()
    used = [_resident()]
    for app in APPS:
        engine.swap(app, open_version(folder / "models" / app / "versions" / "1", backbone))
        for _ in range(3 if QUICK else 20):
            engine.predict(app, list(TEXTS) * 8)
        used.append(_resident())
    engine.close()
    print(json.dumps(used))


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
