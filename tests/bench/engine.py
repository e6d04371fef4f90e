"""engine: messages per CPU-second of the engine with all its outputs, beside sentence-transformers' ``encode`` alone
and bare ONNX Runtime of the same encoder, one thread each, in turn within one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch

from agent.model import backbone as backbone_module
from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine
from agent.model.export import export_frozen
from agent.model.serving import open_version
from tests.bench import data, serving
from tests.bench.result import Result

SIZES = (1, 32)
OVER_SENTENCE_TRANSFORMERS = {1: 2.5, 32: 1.4}
OVER_BARE = 0.9
ROUNDS = 2 if data.QUICK else 5
TEXTS = {1: 32 if data.QUICK else 300, 32: 64 if data.QUICK else 960}
Run = Callable[[list[str]], object]


def bare(backbone: Backbone) -> Run:
    """Tokenizer and session and nothing else."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(export_frozen(backbone), options, providers=["CPUExecutionProvider"])
    tokenizer = backbone.tokenizer.backend_tokenizer
    tokenizer.enable_padding()
    tokenizer.enable_truncation(backbone.recipe.max_length)
    table = backbone.table.numpy()

    def run(texts: list[str]) -> object:
        encoded = tokenizer.encode_batch_fast(texts)
        ids = np.array([e.ids for e in encoded])
        mask = np.array([e.attention_mask for e in encoded])
        return session.run(None, {"ids": ids, "mask": mask, "table": table})

    return run


def rate(run: Run, texts: Sequence[str], size: int) -> float:
    """Messages per CPU-second, all threads of the process counted."""
    began = time.process_time()
    for start in range(0, len(texts), size):
        run(list(texts[start : start + size]))
    return len(texts) / (time.process_time() - began)


def measure() -> Result:
    """The figure is the engine's rate over that of sentence-transformers at batch 1; the best of ROUNDS each."""
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    texts = [row["text"] for row in data.split_off(data.table("clinc150/test.csv"), 1.0)[0]]
    backbone = Backbone.load(device="cpu")
    rival = SentenceTransformer(str(backbone_module._bundled_folder()), device="cpu")
    engine = InferenceEngine()
    with TemporaryDirectory() as folder:
        engine.swap("bench", open_version(serving.save_version(backbone, Path(folder), "bench"), backbone))
    runs: dict[str, Run] = {
        "engine": lambda chunk: engine.predict("bench", chunk),
        "sentence-transformers": lambda chunk: rival.encode(chunk, batch_size=len(chunk), show_progress_bar=False),
        "bare ONNX Runtime": bare(backbone),
    }
    best = {(name, size): 0.0 for name in runs for size in SIZES}
    for _ in range(ROUNDS):
        for size in SIZES:
            for name, run in runs.items():
                best[name, size] = max(best[name, size], rate(run, texts[: TEXTS[size]], size))
    engine.close()
    over_rival = {size: best["engine", size] / best["sentence-transformers", size] for size in SIZES}
    over_bare = {size: best["engine", size] / best["bare ONNX Runtime", size] for size in SIZES}
    detail = {f"{name}, batch {size}, messages per CPU-second": value for (name, size), value in best.items()}
    detail |= {
        "over sentence-transformers, batch 32": over_rival[32],
        "target, batch 32": OVER_SENTENCE_TRANSFORMERS[32],
    }
    detail |= {f"over bare ONNX Runtime, batch {size}": over_bare[size] for size in SIZES}
    detail |= {"target over bare": OVER_BARE}
    ok = all(over_rival[size] >= OVER_SENTENCE_TRANSFORMERS[size] and over_bare[size] >= OVER_BARE for size in SIZES)
    return Result("engine", over_rival[1], OVER_SENTENCE_TRANSFORMERS[1], ok, detail)
