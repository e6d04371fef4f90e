"""A merged model with all its heads, or the frozen encoder, as one ONNX graph.

    inputs    ids (B, T), mask (B, T), table (V, D)
    outputs   query (B, D), and <head>.logits (B, L), <head>.features (B, D) of every classifier head; taste (B, D)
              where there is a recommendation head; of the frozen encoder: query alone, its sentence vector

B and T are open. ``table`` is the matrix of word embeddings, which is half of a small encoder: no adapter but ``full``
writes to it, so it is handed in from the backbone and all apps of a process share it. Where a model has one of its
own, the graph holds it and has no such input.

torch's older exporter, which traces, is used on purpose: it takes a second where the newer one takes twelve, and ONNX
Runtime makes equally fast code of both. What a trace may get wrong (a length that it takes for constant) is looked
for: a graph that does not give what PyTorch gives on texts of other lengths is refused.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from agent.errors import ModelError
from agent.model.backbone import Backbone, branch_of
from agent.model.graph import Graph
from agent.model.multitask import MultiTaskModel, Outputs
from agent.model.predictions import QUERY
from agent.model.tokens import pad

FORMAT = 1
"""Of the graph's inputs and outputs; kept exports of another are made anew."""
AGREEMENT = 1e-3
"""Most that an output may differ from PyTorch's."""
After = Callable[[Tensor, Tensor], dict[str, Tensor]]
"""Token states (B, T, D) and mask (B, T) to outputs by name."""
TRACED = ("where is it", "the second of two texts, which is longer than the first")
OTHERS = ("one", "two words", "a text of quite another length than those that were traced, to see it read alike")


class ExportError(ModelError):
    """This encoder cannot be exported; PyTorch serves it."""


class _Steps(nn.Module):
    """What the graph does: ids to token states to the outputs, in a fixed order."""

    def __init__(self, backbone: Backbone, encoder: nn.Module, after: After) -> None:
        super().__init__()
        self.encoder, self.after = branch_of(encoder), after
        # Written out in plain products, attention becomes the smaller graph.
        self.encoder.set_attn_implementation("eager")  # type: ignore[operator]
        self.shares = self.encoder.get_input_embeddings().weight is backbone.table  # type: ignore[operator]

    def outputs(self, ids: Tensor, mask: Tensor, table: Tensor) -> dict[str, Tensor]:
        given = {"inputs_embeds": nn.functional.embedding(ids, table)} if self.shares else {"input_ids": ids}
        return self.after(self.encoder(**given, attention_mask=mask).last_hidden_state, mask)

    def forward(self, ids: Tensor, mask: Tensor, table: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.outputs(ids, mask, table).values())


def export_model(model: MultiTaskModel) -> bytes:
    """The graph of a merged model. Raises ExportError, also where it has no query head."""
    if QUERY not in model.heads:
        raise ExportError(f"Model {model.version} has no query head.")

    def after(states: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return named(model.outputs(states.float(), mask))

    return _export(model.backbone, model.encoder.encoder, after)


def export_frozen(backbone: Backbone) -> bytes:
    """The graph of the frozen encoder, pooled. Raises ExportError."""
    return _export(backbone, backbone.encoder, lambda states, mask: {"query": backbone.sentence(states, mask)})


def named(outputs: Outputs) -> dict[str, Tensor]:
    """A model's outputs by the names that they have in the graph."""
    found = {f"{head}.logits": logits for head, logits in outputs.logits.items()}
    found |= {f"{head}.features": features for head, features in outputs.features.items()}
    if outputs.query is not None:
        found["query"] = outputs.query
    if outputs.taste is not None:
        found["taste"] = outputs.taste
    return found


def _export(backbone: Backbone, encoder: nn.Module, after: After) -> bytes:
    try:
        steps = _Steps(backbone, encoder, after).eval()
        content = _trace(backbone, steps)
        graph = Graph(content, backbone)
        for texts in (TRACED, OTHERS, OTHERS[:1]):
            _compare(backbone, steps, graph, texts)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        # Whatever the code of a foreign encoder does not support; torch's own export errors are RuntimeErrors.
        raise ExportError(f"{backbone.name} cannot be exported to ONNX: {error}") from error
    return content


def _inputs(backbone: Backbone, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    tokens = backbone.tokens(texts)
    ids, mask = pad(tokens, backbone.padding, max(len(t) for t in tokens))
    return torch.from_numpy(ids), torch.from_numpy(mask)


@torch.no_grad()
def _trace(backbone: Backbone, steps: _Steps) -> bytes:
    ids, mask = _inputs(backbone, TRACED)
    names = list(steps.outputs(ids, mask, backbone.table))
    both_open = {0: "batch", 1: "length"}
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # The older exporter says that it is the older one, and names every Python number that it takes for constant.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            steps,
            (ids, mask, backbone.table),
            stream,  # type: ignore[arg-type]  # the older exporter writes to streams too
            dynamo=False,
            input_names=["ids", "mask", "table"],
            output_names=names,
            dynamic_axes={"ids": both_open, "mask": both_open, **{name: {0: "batch"} for name in names}},
        )
    return stream.getvalue()


@torch.inference_mode()
def _compare(backbone: Backbone, steps: _Steps, graph: Graph, texts: Sequence[str]) -> None:
    """Raises ValueError where the graph gives something else than PyTorch."""
    ids, mask = _inputs(backbone, texts)
    wanted = steps.outputs(ids, mask, backbone.table)
    for name, got in graph.run(ids.numpy(), mask.numpy()).items():
        difference = float(np.abs(got - wanted[name].numpy()).max())
        if not difference <= AGREEMENT:
            raise ValueError(f"its output '{name}' differs from PyTorch's by {difference:.2g}")
