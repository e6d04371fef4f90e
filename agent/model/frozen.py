"""FrozenEncoder: sentence vectors in bulk, by the same path as the engine's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.model.backbone import Backbone
from agent.model.bulk import workers
from agent.model.export import ExportError, export_frozen
from agent.model.exported import run_in_batches
from agent.model.exports import fetch, find, source_of
from agent.model.graph import Graph

log = logging.getLogger("switchboard")

WORTH_AN_EXPORT = 256
"""Texts. Each is read some 5 ms sooner by ONNX Runtime, an export takes a second or two."""


class FrozenEncoder:
    """``Backbone.encode`` for an index: on a CPU through ONNX Runtime once that pays.

    A graph that is kept in ``folder`` is used from the first text on. Where there is none, PyTorch reads the first
    texts, and the graph is made when more than WORTH_AN_EXPORT have come. Both give the same vectors within 1e-3,
    so that an index may hold vectors of either. Texts are read on all cores, one thread each (as
    ``agent.model.bulk`` does).
    """

    def __init__(self, backbone: Backbone, folder: Path) -> None:
        self._backbone = backbone
        self._folder = folder
        self._source = source_of(backbone.hash)
        self._graph: Graph | None = None
        self._texts = 0
        self._exports = backbone.device.type == "cpu"
        self._workers = workers(backbone.device)

    def encode(self, texts: Sequence[str], prompt: str = "") -> NDArray[np.float32]:
        """Frozen sentence vectors, shape (N, D), unit length; ``prompt`` as for ``Backbone.tokens``."""
        if self._graph is None and self._exports and texts:
            self._open()
        self._texts += len(texts)
        # Dealt out by length, so that every core gets about the same.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        shares = [share for n in range(self._workers) if (share := order[n :: self._workers])]
        vectors = np.empty((len(texts), self._backbone.dimension), np.float32)
        with ThreadPoolExecutor(self._workers) as pool:
            parts = list(pool.map(lambda share: self._read([texts[i] for i in share], prompt), shares))
        for share, part in zip(shares, parts, strict=True):
            vectors[share] = part
        return vectors

    def _read(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        if self._graph is None:
            return self._backbone.encode(texts, prompt)
        return run_in_batches(self._graph, self._backbone.tokens(texts, prompt), self._backbone.padding)["query"]

    def _open(self) -> None:
        """Open the kept graph, or make one if it is time to."""
        name = "frozen"
        path = find(self._folder, name, self._source) if not self._texts else None
        if path is None and self._texts >= WORTH_AN_EXPORT:
            try:
                path = fetch(self._folder, name, self._source, lambda: export_frozen(self._backbone))
            except (ExportError, OSError) as error:
                log.warning("PyTorch encodes the passages, slower: %s", error)
                self._exports = False
        if path is not None:
            self._graph = Graph(path, self._backbone)
