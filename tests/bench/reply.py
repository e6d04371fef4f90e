"""reply: a whole reply over HTTP by one client, over the bare pass of the same model, medians."""

from __future__ import annotations

import statistics
import time

import httpx
import numpy as np
import torch

from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.exported import ExportedModel
from agent.model.graph import Graph
from agent.model.serving import open_version
from tests.bench.data import QUICK
from tests.bench.result import Result
from tests.bench.service import served
from tests.bench.support import APP, settings

TARGET = 2.5
ROUNDS = 2 if QUICK else 20
TEXTS = (
    "where is my parcel",
    "can i return worn shoes?",
    "i was charged twice!!",
    "how long does delivery to norway take",
    "do you have gift cards",
    "is the moon landing fake",
    "my tent arrived with a broken pole, what now",
    "hello",
    "what size should i take if i am between two sizes",
    "i want to talk to a person",
)


def measure() -> Result:
    """The two are timed in turn, text by text; every reply begins a conversation."""
    torch.set_num_threads(1)
    backbone = Backbone.load(device="cpu")
    replies: list[float] = []
    passes: list[float] = []
    with served() as address, httpx.Client(base_url=address, timeout=30) as client:
        graph = _graph(backbone)
        for number in range(ROUNDS + 1):
            for text in TEXTS:
                began = time.perf_counter()
                client.post("/v1/messages", json={"app": APP, "text": text}).raise_for_status()
                answered = time.perf_counter()
                (tokens,) = backbone.tokens([text], "query")
                ids = np.array([tokens.ids])
                ready = time.perf_counter()
                graph.run(ids, np.ones_like(ids))
                if number:  # the first round warms up
                    replies.append((answered - began) * 1000)
                    passes.append((time.perf_counter() - ready) * 1000)
    ratio = statistics.median(replies) / statistics.median(passes)
    detail = {
        "reply, median ms": statistics.median(replies),
        "reply, 95th percentile ms": float(np.percentile(replies, 95)),
        "bare pass, median ms": statistics.median(passes),
        "replies": len(replies),
    }
    return Result("reply", ratio, TARGET, ratio <= TARGET, detail)


def _graph(backbone: Backbone) -> Graph:
    """The champion's graph."""
    folder = ModelRegistry(settings().data, APP).champion()
    assert folder is not None
    model = open_version(folder, backbone)
    assert isinstance(model, ExportedModel)
    return model.graph
