"""Graph: one ONNX graph in ONNX Runtime, on a CPU. It knows nothing of heads, apps or files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,
    RuntimeException,
)

from agent.model.backbone import Backbone
from agent.model.tokens import Ids

Matrix = NDArray[np.float32]
REFUSALS = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotImplemented, RuntimeException)
"""What ONNX Runtime raises; they have no common class of their own."""


class Graph:
    """A session over a graph that ``agent.model.export`` made, with as many threads as PyTorch has."""

    def __init__(self, source: Path | bytes, backbone: Backbone) -> None:
        """``source`` is the graph's file, or its content, which then stays in memory beside what is made of it.

        Raises ValueError if ONNX Runtime does not take it.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # A pool of its own would keep what the largest batch took, for each app, and makes it no faster.
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except REFUSALS as error:
            raise ValueError(str(error)) from error
        self.shares_table = "table" in {given.name for given in self._session.get_inputs()}
        """Whether it reads the backbone's word embeddings, rather than some of its own."""
        self._given = {"table": backbone.table.numpy()} if self.shares_table else {}
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, ids: Ids, mask: Ids) -> dict[str, Matrix]:
        """Every output by name, for ids and mask of shape (B, T)."""
        found = self._session.run(self._names, {"ids": ids, "mask": mask, **self._given})
        return dict(zip(self._names, found, strict=True))
