"""gpu: texts a second of all heads in bf16 on a CUDA device, over sentence-transformers' ``encode`` alone there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from agent.model import backbone as backbone_module
from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine
from agent.model.serving import open_version
from tests.bench import serving
from tests.bench.data import QUICK
from tests.bench.reply import TEXTS
from tests.bench.result import Result

TARGET = 1.0
SIZES = (1, 32, 256)
ROUNDS = 2 if QUICK else 5
Run = Callable[[list[str]], object]


def rate(run: Run, size: int) -> float:
    """Texts a second; what a run gives back lies on the CPU, so that the device has finished."""
    texts = [TEXTS[i % len(TEXTS)] for i in range(size)]
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < (0.5 if QUICK else 2.0):
        run(texts)
        done += size
    return done / (time.perf_counter() - began)


def measure() -> Result:
    """The figure is the ratio at batch 32; the best of ROUNDS each, in turn."""
    if not torch.cuda.is_available():
        return Result("gpu", None, TARGET, False, {"not measured": "this machine has no CUDA device"})
    from sentence_transformers import SentenceTransformer

    backbone = Backbone.load(device="cuda")
    rival = SentenceTransformer(str(backbone_module._bundled_folder()), device="cuda")
    engine = InferenceEngine(token_budget=8192)
    with TemporaryDirectory() as folder:
        version = serving.save_version(backbone, Path(folder), "bench")
        engine.swap("bench", open_version(version, backbone))
        exact = open_version(version, Backbone.load(device="cpu")).predict(TEXTS)
    runs: dict[str, Run] = {
        "engine": lambda texts: engine.predict("bench", texts),
        "sentence-transformers": lambda texts: rival.encode(texts, batch_size=len(texts), show_progress_bar=False),
    }
    best = {(name, size): 0.0 for name in runs for size in SIZES}
    for _ in range(ROUNDS):
        for size in SIZES:
            for name, run in runs.items():
                best[name, size] = max(best[name, size], rate(run, size))
    here = engine.predict("bench", list(TEXTS))
    engine.close()
    ratio = best["engine", 32] / best["sentence-transformers", 32]
    detail: dict[str, object] = {"device": torch.cuda.get_device_name(), "numbers": str(backbone.encoder.dtype)}
    detail |= {f"{name}, batch {size}, texts a second": value for (name, size), value in best.items()}
    detail["smallest cosine to the query vectors of a CPU"] = min(
        float(a.query_vector @ b.query_vector) for a, b in zip(here, exact, strict=True)
    )
    return Result("gpu", ratio, TARGET, ratio >= TARGET, detail)
